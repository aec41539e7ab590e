/** A Redis of a test's own: Debian's server, or Valkey's, on a free port, with what it keeps in a folder. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../free-port.ts";

/** The server's program; null where none is installed. */
export const REDIS: string | null = ["redis-server", "valkey-server"].find(isInstalled) ?? null;

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A running server. */
export class Redis {
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess;

  private constructor(folder: string, port: number, process: ChildProcess) {
    this.#folder = folder;
    this.#port = port;
    this.#process = process;
  }

  static async start(folder: string): Promise<Redis> {
    const port = await freePort();
    return new Redis(folder, port, await run(folder, port));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** Ends it as a power failure does. */
  async kill(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }

  /** Starts it again over what it has kept. */
  async startAgain(): Promise<void> {
    this.#process = await run(this.#folder, this.#port);
  }
}

async function run(folder: string, port: number): Promise<ChildProcess> {
  const kept = ["--dir", folder, "--appendonly", "yes", "--save", ""];
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--maxmemory-policy", "noeviction", ...kept];
  const child = spawn(REDIS as string, args, { stdio: "ignore" });
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${REDIS} ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const answers = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (answers) return child;
    await pause(20);
  }
}
