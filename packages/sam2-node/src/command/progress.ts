/** How far a long command is: on a terminal one line with rate and time left, elsewhere nothing. */

/** Minutes and seconds, `m:ss`, or hours before them. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** What the line says. `seconds` is the time that the `done` of `total` things took. */
export function progressLine(done: number, total: number, seconds: number, unit: string): string {
  const share = `${done}/${total} ${unit}`;
  if (done === 0 || seconds === 0) return share;
  const rate = done / seconds;
  return `${share}, ${rate >= 10 ? rate.toFixed(0) : rate.toFixed(2)}/s, ${clock((total - done) / rate)} left`;
}

/** A line on a terminal that is written again and again. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #total: number;
  readonly #unit: string;
  readonly #start = performance.now();

  constructor(total: number, unit: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#total = total;
    this.#unit = unit;
    this.#stream = stream;
  }

  show(done: number): void {
    if (!this.#stream.isTTY) return;
    const seconds = (performance.now() - this.#start) / 1000;
    this.#stream.write(`\r\x1b[K${progressLine(done, this.#total, seconds, this.#unit)}`);
  }

  end(): void {
    if (this.#stream.isTTY) this.#stream.write("\r\x1b[K");
  }
}
