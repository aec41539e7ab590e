/** `sam2 worker`: takes pictures from a queue, until it is told to end. */
import { Command } from "commander";
import type { DtypeChoice } from "sam2-core";
import type { DeviceChoice } from "../runtime/device.ts";
import { deviceOption, dtypeOption, modelOption, number, queueOption, wholeNumber } from "./arguments.ts";
import { untilInterrupted } from "./interruption.ts";
import { stderrLog } from "./log.ts";
import { needPackages, QUEUE_PACKAGES } from "./packages.ts";
import { shares } from "./shares.ts";

interface Flags {
  readonly queue: string;
  readonly model: string;
  readonly device: DeviceChoice;
  readonly dtype: DtypeChoice;
  readonly workers?: number;
  readonly pictures?: string;
  readonly results?: string;
  readonly takeOver: number;
  readonly metrics?: number;
  readonly metricsHost: string;
}

async function work({ queue, model, device, dtype, takeOver, metrics, metricsHost, ...flags }: Flags): Promise<void> {
  const { workers, threads } = shares(flags.workers);
  const { startWorker } = await needPackages("sam2 worker", QUEUE_PACKAGES, () => import("../queue/worker.ts"));
  const worker = await startWorker({
    ...flags,
    url: queue,
    model,
    workers,
    segmenter: { model, device, dtype, threads },
    takeOver: takeOver * 1000,
    metrics: metrics === undefined ? undefined : { host: metricsHost, port: metrics },
    log: stderrLog,
  });
  stderrLog("info", "ending", { signal: await untilInterrupted() });
  await worker.close();
}

const HELP = `
Any number of workers, on any machines, share a queue. Each takes pictures for its own --model; all must see the folders of
pictures and results: where these lie elsewhere on this machine, say where.

SIGTERM and SIGINT end it when the pictures that it has are done; a second one once the model's run has ended, a third at once.
What it had is then taken over by others, after --take-over seconds.`;

/** The command. */
export function workerCommand(): Command {
  return (
    new Command("worker")
      .description(
        "Takes pictures from a queue, which `sam2 everything --queue` and its kin fill, on any number of machines",
      )
      .addOption(queueOption().makeOptionMandatory())
      .addOption(modelOption())
      .addOption(deviceOption())
      // what is fastest differs from machine to machine, and so would the masks
      .addOption(dtypeOption().default("fp32"))
      .option("--workers <n>", "pictures at a time; half as many as cores by default", wholeNumber)
      .option("--pictures <folder>", "where the folder of the pictures is on this machine")
      .option("--results <folder>", "where the folder of the results is on this machine")
      .option("--take-over <s>", "seconds until the picture of a worker that is gone is taken over", wholeNumber, 30)
      .option("--metrics <port>", "port for Prometheus: /metrics and /health; 0 takes a free one", number)
      .option("--metrics-host <address>", "address of that port", "127.0.0.1")
      .addHelpText("after", HELP)
      .action(work)
  );
}
