/** Downloads for strangers: public addresses only, whatever spelling, name or redirect leads to another one. */
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type LookupFunction, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ByteBudget } from "../../src/http/byte-budget.ts";
import { completeLimits } from "../../src/http/limits.ts";
import { createPublicFetch, isPublicAddress } from "../../src/node/public-fetch.ts";
import { readPicture } from "../../src/picture/picture.ts";

test.each([
  ["93.184.215.14", true],
  ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", true],
  ["127.0.0.1", false],
  ["10.1.2.3", false],
  ["172.16.0.1", false],
  ["192.168.1.1", false],
  ["169.254.169.254", false],
  ["100.64.0.1", false],
  ["0.0.0.0", false],
  ["224.0.0.1", false],
  ["255.255.255.255", false],
  ["192.0.2.1", false],
  ["198.18.0.1", false],
  ["::1", false],
  ["::", false],
  ["fe80::1", false],
  ["fe80::1%eth0", false],
  ["fc00::1", false],
  ["fec0::1", false],
  ["ff02::1", false],
  ["::ffff:10.0.0.1", false],
  ["::10.0.0.1", false],
  ["64:ff9b::10.0.0.1", false],
  ["2002:a00:1::", false],
  ["2001:db8::1", false],
  ["4000::1", false],
  ["example.com", false],
  ["", false],
])("%s is public: %s", (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

describe("a download", () => {
  let server: Server;
  let origin: string;
  let asked: string[] = [];
  beforeAll(async () => {
    server = createServer(({ url = "/", headers }, response) => {
      asked.push(`${headers.host?.split(":")[0]}${url}`);
      const to = new URL(url, "http://server").searchParams.get("to");
      if (to !== null) response.writeHead(302, { Location: to }).end("elsewhere");
      else if (url === "/silent") response.write("the first of two");
      else response.writeHead(200, { "Content-Type": "image/png" }).end("picture");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Names of a test, each with the address that its lookup gives. */
  const lookup: LookupFunction = (hostname, _, callback) => {
    const address = { "pictures.test": "127.0.0.1", "private.test": "10.0.0.1" }[hostname];
    if (address) callback(null, [{ address, family: 4 }]);
    else callback(Object.assign(new Error(`no address for ${hostname}`), { code: "ENOTFOUND" }), []);
  };
  const download = createPublicFetch({ allow: ["127.0.0.1"], lookup });
  const at = (host: string, path = "/"): string => `${origin.replace("127.0.0.1", host)}${path}`;

  test.each<[string, () => string]>([
    ["an allowed address", () => at("127.0.0.1")],
    ["a name", () => at("pictures.test")],
    ["a redirect, relative", () => at("127.0.0.1", "/?to=/other")],
    ["a redirect to a name", () => at("127.0.0.1", `/?to=${at("pictures.test")}`)],
  ])("arrives from %s", async (_, address) => {
    const response = await download(address());
    expect([response.status, response.headers.get("Content-Type"), await response.text()]).toEqual([
      200,
      "image/png",
      "picture",
    ]);
  });

  test.each<[string, () => string, string]>([
    ["another address", () => at("127.0.0.2"), "not an address of the public Internet"],
    ["an address as one number", () => "http://2130706434/", "not an address of the public Internet"],
    ["an address in hexadecimal", () => "http://0x7f.2/", "not an address of the public Internet"],
    ["IPv6", () => at("[::1]"), "not an address of the public Internet"],
    ["IPv4 in IPv6", () => at("[::ffff:127.0.0.1]"), "not an address of the public Internet"],
    ["a name with a private address", () => at("private.test"), "not an address of the public Internet"],
    ["a redirect to a private address", () => at("127.0.0.1", `/?to=${at("127.0.0.2")}`), "public Internet"],
    ["a redirect to a name with one", () => at("127.0.0.1", `/?to=${at("private.test")}`), "public Internet"],
    ["a name without an address", () => at("nowhere.test"), "no address for nowhere.test"],
    ["another protocol", () => "file:///etc/passwd", "expected an http: or https: address, got file:"],
    ["a redirect to another protocol", () => at("127.0.0.1", "/?to=file:///etc/passwd"), "got file:"],
    ["redirects without end", () => at("127.0.0.1", "/?to="), "more than 5 redirects"],
  ])("is refused: %s", async (_, address, message) => {
    asked = [];
    await expect(download(address())).rejects.toThrow(message);
    expect(asked.filter((request) => !request.startsWith("127.0.0.1/?to="))).toEqual([]);
  });

  test("loopback is refused where it is not allowed by name", async () => {
    asked = [];
    await expect(createPublicFetch()(origin)).rejects.toThrow(TypeError);
    await expect(createPublicFetch()(origin.replace("127.0.0.1", "localhost"))).rejects.toThrow("localhost");
    expect(asked).toEqual([]);
  });

  test("ends with its signal, in the body too", async () => {
    const stop = new AbortController();
    const response = await download(at("127.0.0.1", "/silent"), { signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await expect(response.text()).rejects.toThrow();
  });
});

test.each([
  ["a status", "404 Not Found"],
  ["a status that is none", "700 What"],
  ["a status without a body", "204 No Content"],
  ["a length that is over the limit", "200 OK\r\nContent-Length: 1000000000000"],
])("a picture that is refused leaves no connection to a server that keeps it open: %s", async (_, head) => {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer((socket) => {
    open.add(socket);
    connections++;
    socket.on("error", () => undefined).on("close", () => open.delete(socket));
    socket.resume();
    socket.write(`HTTP/1.1 ${head}\r\n\r\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.png`;
    const download = createPublicFetch({ allow: ["127.0.0.1"] });
    const [budget, { signal }] = [new ByteBudget(1e6), new AbortController()];
    const access = { download, limits: completeLimits(), budget };
    await expect(readPicture(address, access, budget.hold(), signal)).rejects.toThrow();
    await expect.poll(() => open.size, { timeout: 5000 }).toBe(0);
    expect(connections).toBe(1);
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
  }
});
