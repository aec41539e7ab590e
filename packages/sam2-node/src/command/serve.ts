/** `sam2 serve`: the hosted APIs over HTTP, until it is told to end. */
import { Command, InvalidArgumentError } from "commander";
import type { DtypeChoice } from "sam2-core";
import type { DeviceChoice } from "../runtime/device.ts";
import { deviceOption, dtypeOption, modelOption, number, wholeNumber } from "./arguments.ts";
import { untilInterrupted } from "./interruption.ts";
import { stderrLog } from "./log.ts";
import { needPackages } from "./packages.ts";
import { shares } from "./shares.ts";

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly model: string;
  readonly device: DeviceChoice;
  readonly dtype: DtypeChoice;
  readonly workers?: number;
  readonly waiting: number;
  readonly waitingMb: number;
  readonly timeLimit: number;
  readonly publicUrl?: string;
}

async function serve({ model, device, dtype, waitingMb, timeLimit, ...flags }: Flags): Promise<void> {
  const { workers, threads } = shares(flags.workers);
  const { startServer } = await needPackages(
    "sam2 serve",
    ["sam2-hosted", "prom-client"],
    () => import("../serve/server.ts"),
  );
  const server = await startServer({
    ...flags,
    workers,
    segmenter: { model, device, dtype, threads },
    heldBytes: waitingMb * 1e6,
    timeLimit: timeLimit * 1000,
    token: process.env.SAM2_TOKEN,
    log: stderrLog,
  });
  stderrLog("info", "ending", { signal: await untilInterrupted() });
  await server.close();
}

/** An address of a server. */
function address(text: string): string {
  if (/^https?:[/][/]/.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError("expected an address such as https://sam2.example.org");
}

const HELP = `
Put this server's address before that of the service, and its clients run unchanged:
  http://127.0.0.1:8080/livepeer.studio/api/beta/generate/segment-anything-2
  http://127.0.0.1:8080/fal.run/fal-ai/sam2/auto-segment
  http://127.0.0.1:8080/api.segmind.com/v1/sam-v2-image
fal's own client takes http://127.0.0.1:8080/fal/proxy as its proxyUrl.

POST /v1/embeddings takes a picture's file, and answers with its embedding's (?dtype=int8 for a smaller one).
/health says what runs here, /metrics is for Prometheus.

Where SAM2_TOKEN is set, requests must bring it as each service's key.
On an address that other machines reach, pictures are downloaded from public addresses only.
SIGTERM and SIGINT end it when the requests that are inside are answered.`;

/** The command. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("Answers Livepeer's, fal's and Segmind's SAM 2 APIs over HTTP, on this machine; makes embeddings")
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(dtypeOption())
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <n>", "port to listen on; 0 takes a free one", number, 8080)
    .option("--public-url <url>", "how others reach this server, for addresses in answers", address)
    .option("--workers <n>", "pictures at a time; half as many as cores by default", wholeNumber)
    .option("--waiting <n>", "requests that may be inside; the others get a 429 with Retry-After", wholeNumber, 64)
    .option(
      "--waiting-mb <n>",
      "megabytes that their pictures may take together; the others get a 429",
      wholeNumber,
      512,
    )
    .option("--time-limit <s>", "seconds until a request must be answered", wholeNumber, 600)
    .addHelpText("after", HELP)
    .action(serve);
}
