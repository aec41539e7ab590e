/** Tries cases in a child process with little memory and little time, so that a hang or a crash names its case. */
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Batch } from "./child.ts";
import type { Outcome } from "./target.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHILD = fileURLToPath(new URL("child.ts", import.meta.url));

/** Memory that the cases may take, over what the process takes before the first. */
const MEGABYTES = 512;

/** How long a case may take, in milliseconds of the processor: a busy machine makes no fault of a slow case. */
const CASE_TIME = 5_000;

/** A case that leaves the processor idle, or whose system does not tell, may take this many times as long. */
const PATIENCE = 12;

/** How long the child may take to start, in milliseconds: one that cannot start ends by itself. */
const START_TIME = 600_000;

/** How often the child's progress is looked at, in milliseconds. */
const WATCH = 250;

/** The unit of processor times on Linux, in milliseconds. */
const TICK = 10;

/** What became of a batch: all its outcomes, or where the child stopped. */
type Ending =
  | { readonly outcomes: readonly Outcome[] }
  | { readonly at: number; readonly outcome: Extract<Outcome, { kind: "hung" | "crashed" }> };

/** One child process after the other. */
export class Runner {
  readonly #table: string;
  readonly #caseTime: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  #child: ChildProcess | null = null;
  #stderr = "";

  /** @param table path of the module whose `TARGETS` the cases are for */
  constructor(table: string, caseTime: number = CASE_TIME) {
    this.#table = table;
    this.#caseTime = caseTime;
  }

  /** Tries cases of a target, in order: an outcome for each. */
  async run(target: string, cases: readonly Uint8Array[]): Promise<readonly Outcome[]> {
    if (cases.length === 0) return [];
    this.#child ??= await this.#start();
    const ending = await this.#batch(this.#child, { target, cases });
    if ("outcomes" in ending) return ending.outcomes;
    await this.#stop();
    const { at, outcome } = ending;
    // the outcomes before it are lost with the child
    const before = await this.run(target, cases.slice(0, at));
    return [...before, outcome, ...(await this.run(target, cases.slice(at + 1)))];
  }

  /** Ends the child. */
  async close(): Promise<void> {
    await this.#stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #progressFile(): string {
    return join(this.#folder, "progress");
  }

  /** Index of the case that the child is at. */
  #at(): number {
    const bytes = readFileSync(this.#progressFile);
    return bytes.length < 4 ? 0 : bytes.readInt32LE(0);
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(CHILD, [this.#table, this.#progressFile], {
      cwd: ROOT,
      execArgv: ["--import", "tsx", "--expose-gc", `--max-old-space-size=${MEGABYTES}`],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#stderr = "";
    child.stderr?.on("data", (chunk) => {
      this.#stderr = `${this.#stderr}${chunk}`.slice(-4000);
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new Error(`the fuzzer's child did not start: ${this.#stderr}`));
      const timer = setTimeout(fail, START_TIME);
      child.once("exit", fail);
      child.once("message", () => {
        clearTimeout(timer);
        child.off("exit", fail);
        resolve();
      });
    });
    limitMemory(child.pid as number);
    return child;
  }

  #batch(child: ChildProcess, batch: Batch): Promise<Ending> {
    return new Promise((resolve) => {
      let [seen, since, spent] = [-1, performance.now(), 0];
      const now = (): number => processorTime(child.pid as number);
      const end = (ending: Ending): void => {
        clearInterval(watch);
        child.off("exit", exited);
        child.off("message", answered);
        resolve(ending);
      };
      const answered = (outcomes: readonly Outcome[]): void => end({ outcomes });
      const exited = (code: number | null, signal: string | null): void => {
        const error = `exit ${code ?? signal} ${this.#stderr.trim()}`.slice(0, 2000);
        end({ at: this.#at(), outcome: { kind: "crashed", error } });
      };
      const watch = setInterval(() => {
        const at = this.#at();
        if (at !== seen) [seen, since, spent] = [at, performance.now(), now()];
        else if (now() - spent > this.#caseTime || performance.now() - since > PATIENCE * this.#caseTime) {
          end({ at, outcome: { kind: "hung" } });
        }
      }, WATCH);
      child.on("exit", exited);
      child.on("message", answered);
      child.send(batch);
    });
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}

/** Processor time that a process has taken, in milliseconds; 0 where that cannot be read: on other systems than Linux. */
function processorTime(pid: number): number {
  try {
    // user's and system's time are fields 14 and 15; the second, the program's name, may hold anything
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return TICK * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return 0;
  }
}

/**
 * Limits the address space of a process that runs, where that can be done: on Linux, with util-linux. What V8's own
 * limit of its heap does not count, typed arrays above all, is counted here.
 */
function limitMemory(pid: number): void {
  if (process.platform !== "linux") return;
  const kilobytes = Number(/VmSize:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  try {
    execFileSync("prlimit", ["--pid", String(pid), `--as=${1024 * kilobytes + MEGABYTES * 2 ** 20}`]);
  } catch {
    // without it, V8's limit remains
  }
}
