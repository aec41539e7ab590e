/** Listening for requests over HTTP. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Sam2Error } from "sam2-contract";

/**
 * Has a server listen.
 *
 * @param port 0 takes a free one
 * @returns its address
 * @throws OutputError where it cannot listen
 */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    throw new Sam2Error("OutputError", `${host}:${port}: could not listen: ${(cause as Error).message}`, { cause });
  }
  const { port: taken } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${taken}`;
}
