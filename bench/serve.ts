/** `sam2 serve` under load: how long answers take, whose they are, and what the server's memory does. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import sharp from "sharp";
import type { Row } from "./measure.ts";

const SAM2 = fileURLToPath(new URL("../packages/sam2-node/dist/command/main.js", import.meta.url));
const TRUCK = fileURLToPath(new URL("../demo/public/samples/truck.jpg", import.meta.url));
const THREADS = 2;
const CLIENTS = [1, 8, 64];
/** Seconds that each number of clients asks for. */
const DURATION = 20;
/** Different pictures: as many as there are clients at most. */
const PICTURES = 64;

/** A request, and what it must be answered with. */
interface Asked {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  answer: string;
}

/** Different cuts of a photograph, 480 × 320. */
async function pictures(): Promise<Buffer[]> {
  const cut = (i: number): Promise<Buffer> =>
    sharp(TRUCK)
      .extract({ left: 8 * i, top: 4 * i, width: 480, height: 320 })
      .jpeg({ quality: 90 })
      .toBuffer();
  return Promise.all(Array.from({ length: PICTURES }, (_, i) => cut(i)));
}

/** A picture that is encoded for each request, in Segmind's form. */
function encoded(picture: Buffer): Asked {
  const body = JSON.stringify({
    image: picture.toString("base64"),
    coordinates: [[240, 160]],
    overlay_mask: false,
    base64: true,
  });
  return {
    path: "/api.segmind.com/v1/sam-v2-image",
    headers: { "Content-Type": "application/json" },
    body: Buffer.from(body),
    answer: "",
  };
}

/** A click on a picture that is known by its content, in Livepeer's form. */
async function clicked(picture: Buffer): Promise<Asked> {
  const form = new FormData();
  form.append("image", new Blob([new Uint8Array(picture)], { type: "image/jpeg" }), "photo.jpg");
  const fields = {
    point_coords: "[[240, 160]]",
    point_labels: "[1]",
    return_logits: "false",
    multimask_output: "false",
  };
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const request = new Response(form);
  return {
    path: "/livepeer.studio/api/beta/generate/segment-anything-2",
    headers: { "Content-Type": request.headers.get("Content-Type") ?? "" },
    body: Buffer.from(await request.arrayBuffer()),
    answer: "",
  };
}

/** Asks with so many clients, each for a picture of its own; counts the answers that are another's. */
async function load(url: string, asked: readonly Asked[], connections: number) {
  let client = 0;
  let mixed = 0;
  const result = await autocannon({
    url,
    connections,
    duration: DURATION,
    timeout: 120,
    method: "POST",
    setupClient: (each) => {
      const { path, headers, body, answer } = asked[client++ % asked.length] as Asked;
      each.setRequests([{ method: "POST", path, headers, body }]);
      let came = "";
      each.on("body", (part) => {
        came += part.toString();
      });
      each.on("response", () => {
        if (came !== answer) mixed++;
        came = "";
      });
    },
  });
  return { ...result, mixed };
}

/** The address that a server tells in its log; if it ends before, an error with what it said. */
function addressOf(server: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    // read to the end: a full pipe would stop the server
    server.stderr.on("data", (part) => {
      said += part;
      const [, url] = /"url":"([^"]+)"/.exec(said) ?? [];
      if (url !== undefined) resolve(url);
    });
    server.once("close", (code) => reject(new Error(`sam2 serve ended with ${code}: ${said}`)));
  });
}

/** Two rows for each number of clients. */
export async function serve(): Promise<Row[]> {
  const args = ["serve", "--port", "0", "--device", "cpu", "--workers", "1", "--dtype", "fp32"];
  const server = spawn(process.execPath, [SAM2, ...args], { stdio: ["ignore", "inherit", "pipe"] });
  const closed = once(server, "close");
  try {
    const url = await addressOf(server);
    const memory = async (): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / 1e6;
    };
    const files = await pictures();
    const works = [
      { work: "a picture a request, sam2-mini", asked: files.map(encoded) },
      { work: "a click on a known picture, sam2-mini", asked: await Promise.all(files.map(clicked)) },
    ];
    const rows: Row[] = [];
    for (const { work, asked } of works) {
      for (const each of asked) {
        const { path, headers, body } = each;
        const response = await fetch(`${url}${path}`, { method: "POST", headers, body: new Uint8Array(body) });
        each.answer = await response.text();
      }
      for (const clients of CLIENTS) {
        const before = await memory();
        const { latency, requests, errors, non2xx, mixed } = await load(url, asked, clients);
        const after = await memory();
        const lost = `${errors + non2xx} lost, ${mixed} mixed up`;
        const note = `p99 ${latency.p99.toFixed(0)} ms, ${requests.average.toFixed(1)}/s, ${requests.total} answers, ${lost}, ${before.toFixed(0)} → ${after.toFixed(0)} MB`;
        const what = `${work}; ${clients} ${clients === 1 ? "client" : "clients"}`;
        rows.push({ bench: "serve", work: what, device: "cpu", threads: THREADS, ours_ms: latency.p50, note });
      }
    }
    return rows;
  } finally {
    server.kill();
    await closed;
  }
}
