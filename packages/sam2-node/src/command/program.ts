/** `sam2`: all its commands, and how they end. */
import { Command, CommanderError } from "commander";
import { isSam2Error } from "sam2-contract";
import { exportCommand } from "sam2-export/command";
import { boxesCommand } from "./boxes.ts";
import { embedCommand } from "./embed.ts";
import { everythingCommand } from "./everything.ts";
import { segmentCommand } from "./segment.ts";
import { serveCommand } from "./serve.ts";
import { workerCommand } from "./worker.ts";

const FAILED = 1;
const USAGE = 2;

const HELP = `
Examples:
  sam2 segment truck.jpg --point 500,375 --out overlay.png
  sam2 segment truck.jpg --box 75,275,1725,850 --json
  sam2 everything photos/ --out coco.json
  sam2 everything photos/ --out coco.json --queue redis://queue:6379 --results results/
  sam2 worker --queue redis://queue:6379
  sam2 embed photos/ --out embeddings/ --dtype int8
  sam2 boxes coco-boxes.json --images photos/ --out coco.json --masks masks/
  sam2 serve --port 8080
  sam2 export sam2.1-hiera-tiny/ --out models/tiny --dtype fp16 --canary

Models are downloaded once, to the user's cache folder, or where SAM2_CACHE says.
Files are written whole or not at all. Progress is shown on terminals only.

Exit codes:
  0  done
  1  an error, named on standard error
  2  the command line is not understood
  3  a batch ended, but some pictures failed
  130, 143  interrupted (SIGINT, SIGTERM)`;

/** Runs a command to its end, which the process's exit code then tells. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const program = new Command("sam2")
    .description(
      "SAM 2 on the command line: masks from points and boxes, everything in pictures, embeddings, models to ONNX",
    )
    .addCommand(segmentCommand())
    .addCommand(everythingCommand())
    .addCommand(embedCommand())
    .addCommand(boxesCommand())
    .addCommand(serveCommand())
    .addCommand(workerCommand())
    .addCommand(exportCommand("export"))
    .addHelpText("after", HELP);
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
    else if (isSam2Error(error)) {
      process.stderr.write(`${error.name}: ${error.message}\n`);
      process.exitCode = FAILED;
    } else throw error;
  }
}
