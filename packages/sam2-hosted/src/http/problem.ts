/** A request that is refused: the status and the body of the answer. */

/** Where a field is, what is wrong with it, and a name for that; FastAPI's form. */
export interface FieldProblem {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** Thrown by a handler and turned into the answer; it never leaves the package. */
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

  /** The same with further headers. */
  with(headers: Readonly<Record<string, string>>): Problem {
    return new Problem(this.status, this.body, { ...this.headers, ...headers });
  }

  /** 422 for fields that are missing, or of a wrong type. */
  static unprocessable(problems: readonly FieldProblem[]): Problem {
    return new Problem(422, { detail: problems });
  }

  /** 405, with the method that is allowed. */
  static method(allowed: string, body: unknown): Problem {
    return new Problem(405, body, { Allow: allowed });
  }
}

/** An answer in JSON. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
}

/** A problem as an answer. */
export function answerOf({ body, status, headers }: Problem, more: Readonly<Record<string, string>> = {}): Response {
  return json(body, status, { ...headers, ...more });
}
