/** What a worker counts, for Prometheus, and where it is asked for it. */
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { listen } from "../serve/listen.ts";
import type { Lengths } from "./queues.ts";

/** How a picture ended at this worker; one that is retried may end again. */
export type End = "done" | "known" | "retried" | "set aside";

/** The longest that Redis may take to say what is in the queues, in milliseconds: whoever asks for the counts waits. */
const PATIENCE = 2000;

/** Counts of a worker. */
export class WorkerMetrics {
  readonly registry: Registry = new Registry();
  readonly #pictures: Counter<"end" | "error">;
  readonly #seconds: Histogram;

  /** @param lengths how many pictures each queue has in each state, by its name */
  constructor(lengths: () => Promise<ReadonlyMap<string, Lengths>>) {
    const registers = [this.registry];
    /** Asked once at a time: while Redis is lost, questions wait until it is back. */
    let asking: Promise<ReadonlyMap<string, Lengths>> | undefined;
    collectDefaultMetrics({ register: this.registry });
    this.#pictures = new Counter({
      name: "sam2_pictures_total",
      help: "Pictures that this worker took, by how they ended",
      labelNames: ["end", "error"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "sam2_picture_seconds",
      help: "Time that a picture took",
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
      registers,
    });
    new Gauge({
      name: "sam2_queue_pictures",
      help: "Pictures in each queue, by state; failed ones are set aside",
      labelNames: ["queue", "state"],
      registers,
      async collect() {
        asking ??= lengths()
          .catch(() => new Map())
          .finally(() => {
            asking = undefined;
          });
        const found = await Promise.race([asking, pause(PATIENCE, new Map<string, Lengths>(), { ref: false })]);
        // a queue that is empty now is not found, and none while Redis is lost
        this.reset();
        for (const [queue, states] of found)
          for (const [state, count] of Object.entries(states)) this.set({ queue, state }, count);
      },
    });
  }

  /** Counts a picture. */
  ended(end: End, seconds: number, error = ""): void {
    this.#pictures.inc({ end, error });
    if (end === "done") this.#seconds.observe(seconds);
  }
}

/** Where the counts are asked for: `/metrics`, and `/health`. */
export interface MetricsServer {
  readonly url: string;
  close(): void;
}

/** Serves the counts of a worker. @throws OutputError where it cannot listen */
export async function serveMetrics({ registry }: WorkerMetrics, host: string, port: number): Promise<MetricsServer> {
  const server = createServer(async ({ url }, response) => {
    if (url === "/health") response.end("ok\n");
    else if (url === "/metrics") response.setHeader("Content-Type", registry.contentType).end(await registry.metrics());
    else response.writeHead(404).end();
  });
  return { url: await listen(server, host, port), close: () => server.close().closeAllConnections() };
}
