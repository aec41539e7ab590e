/** The exporter as a command, for its own command line and as a part of another. */
import { Command, InvalidArgumentError, Option } from "commander";
import { ATTENTION_FORMS, type AttentionForm, DTYPES, type Dtype, Sam2Error } from "sam2-contract";
import { exportFolder } from "./node.ts";

interface CliOptions {
  out: string;
  dtype: Dtype;
  imageSize?: number;
  attention: AttentionForm;
  id?: string;
  canary: boolean;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) throw new InvalidArgumentError("expected a whole number over 0");
  return value;
}

/** Writes to standard output. That its reader has gone, as in `| true`, is no failure: the model is there. */
function report(text: string): void {
  process.stdout.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.stdout.write(text);
}

/**
 * The exporter as a command of commander.
 *
 * @example
 * ```ts
 * await exportCommand("sam2-export").parseAsync();
 * ```
 *
 * @param name how people call it
 */
export function exportCommand(name: string): Command {
  const program = new Command(name)
    .description(
      "Converts a SAM 2 or EdgeTAM checkpoint (config.json, *.safetensors) to encoder.onnx, decoder.onnx and model.json",
    )
    .argument("<checkpoint-folder>")
    .requiredOption("--out <folder>", "where the model goes; other files in it stay")
    .addOption(new Option("--dtype <dtype>", "precision; int8 is for CPUs").choices(DTYPES).default("fp32"))
    .addOption(new Option("--attention <form>", "form of the attention").choices(ATTENTION_FORMS).default("decomposed"))
    .option("--image-size <pixels>", "side of the model input, a multiple of 32", wholeNumber)
    .option("--id <id>", "model id; the folder's name by default")
    .option("--canary", "add the data with which browsers check a GPU's results; needs onnxruntime-node", false);

  program.action(async (folder: string, options: CliOptions) => {
    try {
      const { out, ...rest } = options;
      const manifest = await exportFolder(folder, out, rest);
      const { encoder, decoder } = manifest.files;
      const size = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
      report(
        `${manifest.id}: ${(manifest.parameters / 1e6).toFixed(1)} M parameters, ${manifest.imageSize} px, ${manifest.dtype} → ${out}\n` +
          `  ${encoder.name} ${size(encoder.bytes)}, ${encoder.nodes} nodes\n  ${decoder.name} ${size(decoder.bytes)}, ${decoder.nodes} nodes\n`,
      );
    } catch (error) {
      if (!(error instanceof Sam2Error)) throw error;
      process.stderr.write(`${error.name}: ${error.message}\n`);
      process.exitCode = 1;
    }
  });
  return program;
}
