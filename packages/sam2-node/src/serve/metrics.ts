/** What the server counts, for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Gate } from "./gate.ts";

/** Counts of a server. */
export class ServerMetrics {
  readonly registry: Registry = new Registry();
  readonly #requests: Counter<"service" | "status">;
  readonly #seconds: Histogram<"service">;

  constructor(gate: Gate) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: "sam2_requests_total",
      help: "Requests, by service and status of the answer",
      labelNames: ["service", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "sam2_request_seconds",
      help: "Time until an answer began, by service",
      labelNames: ["service"],
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
      registers,
    });
    new Gauge({
      name: "sam2_requests_inside",
      help: "Requests that are worked on or wait",
      registers,
      collect() {
        this.set(gate.inside);
      },
    });
  }

  /** Counts an answer. */
  answered(service: string, status: number, seconds: number): void {
    this.#requests.inc({ service, status });
    this.#seconds.observe({ service }, seconds);
  }
}
