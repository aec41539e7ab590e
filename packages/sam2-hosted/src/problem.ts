/** A request that is refused: the status and the body of the answer. */

/** Where a field is, what is wrong with it, and a name for that; FastAPI's form. */
export interface FieldProblem {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** Thrown by a handler; becomes the answer. */
export class Problem extends Error {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    super(JSON.stringify(body));
    this.status = status;
    this.body = body;
    this.headers = headers;
  }

  /** 422 for fields of a wrong type, or that are missing. */
  static unprocessable(problems: readonly FieldProblem[]): Problem {
    return new Problem(422, { detail: problems });
  }
}

/** An answer in JSON. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
}

/**
 * Reads a JSON object.
 *
 * @throws Problem 422 for anything else
 */
export async function jsonBody(request: Request): Promise<Record<string, unknown>> {
  const body: unknown = await request.json().catch(() => undefined);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw Problem.unprocessable([{ loc: ["body"], msg: "Input should be a valid dictionary", type: "dict_type" }]);
}
