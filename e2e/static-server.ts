/** A host of files as simple ones are: a folder, and one Cache-Control for all of it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import send from "send";

/** A running server. */
export interface StaticServer {
  /** Address, ending in a slash. */
  readonly url: string;
  /** The folder that is served; a deployment puts another in its place. */
  folder: string;
  close(): Promise<void>;
}

/** Serves a folder. */
export async function serveStatically(
  folder: string,
  cacheControl?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<StaticServer> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (cacheControl !== undefined) response.setHeader("Cache-Control", cacheControl);
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    send(request, pathname, { root: served.folder, cacheControl: false }).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const served: StaticServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    folder,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return served;
}
