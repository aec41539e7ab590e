/** What each service's part offers to the function that takes the requests. */

/** A service whose API is answered. */
export interface HostedService {
  /** Answers a request to an address of the service. @throws Problem, or what went wrong on the way */
  answer(request: Request, url: URL): Promise<Response>;
  /** Cancels what is waiting and frees what is kept. */
  close?(reason: unknown): void;
}
