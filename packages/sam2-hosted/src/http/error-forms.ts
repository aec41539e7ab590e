/** How each service words an error: its status, and the form of the body. */
import type { ServiceName } from "./addresses.ts";
import { NoRoomError } from "./byte-budget.ts";
import { Problem } from "./problem.ts";

/** Makes an error of a service. */
export type ErrorForm = (status: number, message: string) => Problem;

/** fal's names of errors that are not about the input, by status (fal.ai/docs, request errors). */
const FAL_TYPES: Readonly<Record<number, string>> = {
  499: "client_cancelled",
  500: "internal_error",
  504: "request_timeout",
};

/** Livepeer's `HTTPError`. */
export const livepeerError: ErrorForm = (status, message) => new Problem(status, { detail: { msg: message } });

/** fal's form of an error that is not about a field of the input. */
export const falError: ErrorForm = (status, message) => {
  const error_type = FAL_TYPES[status];
  if (error_type === undefined) return new Problem(status, { detail: message });
  return new Problem(status, { detail: message, error_type }, { "X-Fal-Error-Type": error_type });
};

/** Segmind's form. */
export const segmindError: ErrorForm = (status, message) => new Problem(status, { error: message });

/** The forms by service. */
export const ERROR_FORMS: Readonly<Record<ServiceName, ErrorForm>> = {
  livepeer: livepeerError,
  fal: falError,
  segmind: segmindError,
};

/** What is answered to an error: a problem as it says, and anything else as a lack of room, a time-out or a fault of the service. */
export function asProblem(error: unknown, form: ErrorForm): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof NoRoomError) return form(429, error.message).with({ "Retry-After": "1" });
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return form(name === "TimeoutError" ? 504 : 500, message);
}
