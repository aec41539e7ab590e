/** Comlink ships this module's types under a name that TypeScript does not find. */
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { MessagePort, Worker } from "node:worker_threads";
  import type { Endpoint } from "comlink";

  /** A worker thread, or the port to the thread that started it, as Comlink takes it. */
  export default function nodeEndpoint(thread: MessagePort | Worker): Endpoint;
}
