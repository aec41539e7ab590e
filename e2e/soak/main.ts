/** The soak command: two windows of the demo are used at random for a long time; what they take must stay flat. */
import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { launchBrowser } from "headless/browser";
import { DEMO, serveDemo } from "../demo-page.ts";
import { FIGURES, type Figures, Meter } from "./figures.ts";
import { type Series, trendOf } from "./flat.ts";
import { seeded, type Things, Visitor } from "./visitor.ts";

const SAMPLES = join(DEMO, "public", "samples");
const TOY = fileURLToPath(new URL("../../models/reference/fixtures/toy/", import.meta.url));

const THINGS: Things = {
  pictures: readdirSync(SAMPLES)
    .filter((name) => name.endsWith(".jpg"))
    .map((name) => join(SAMPLES, name)),
  checkpoint: [`${TOY}config.json`, `${TOY}model.safetensors`],
};

/** Every so many steps the second window is loaded anew. */
const RESTART_EVERY = 40;

const MINUTE = 60_000;

/** The first minute does not count, and a slope needs three points. */
const LEAST_MINUTES = 4;

const whole =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number, ${least} or more`);
    }
    return value;
  };

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const program = new Command("soak")
  .description(
    "Uses two windows of the demo at random; memory, handles and workers must be flat after the first minute",
  )
  .argument("[minutes]", "how long", whole(LEAST_MINUTES), 10)
  .option("--seed <n>", "the same steps again; another seed each time by default", whole(0));

program.action(async (minutes: number, options: { seed?: number }) => {
  const seed = options.seed ?? randomInt(2 ** 31);
  say(`seed ${seed}, ${minutes} minutes`);
  const server = await serveDemo();
  const browser = await launchBrowser();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const visitors = [
    new Visitor(await context.newPage(), server.url, THINGS, seeded(seed)),
    new Visitor(await context.newPage(), server.url, THINGS, seeded(seed + 1)),
  ] as const;
  const [stays, restarted] = visitors;
  for (const visitor of visitors) await visitor.restart();
  // the window that is never loaded anew is the one that would fill up
  const meter = await Meter.create(browser, stays.page);
  const measured: [number, Figures][] = [];
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  let steps = 0;
  for (let minute = 1; minute <= minutes; minute++) {
    while (elapsed() < minute * MINUTE) {
      await (steps % 2 === 0 ? stays : restarted).step();
      if (++steps % RESTART_EVERY === 0) await restarted.restart();
    }
    for (const visitor of visitors) await visitor.rest();
    const figures = await meter.measure();
    measured.push([elapsed() / MINUTE, figures]);
    say(`minute ${minute}: ${steps} steps, ${written(figures)}`);
  }
  await browser.close();
  await server.close();
  const faults = visitors.flatMap((visitor) => visitor.faults);
  const did = new Map<string, number>();
  for (const { done } of visitors) for (const [name, times] of done) did.set(name, (did.get(name) ?? 0) + times);
  say(`did: ${[...did].map(([name, times]) => `${name} ${times}`).join(", ")}`);
  for (const [fault, times] of counted(faults)) say(`fault, ${times} ×: ${fault}`);
  const isFlat = judge(measured);
  const isGood = isFlat && faults.length === 0;
  say(
    `${isGood ? "passed" : "FAILED"}: ${steps} steps in ${(elapsed() / MINUTE).toFixed(1)} minutes, ${faults.length} faults`,
  );
  if (!isGood) process.exitCode = 1;
});

function written(figures: Figures): string {
  return Object.entries(FIGURES)
    .map(
      ([name, { unit }]) =>
        `${name} ${figures[name as keyof Figures].toFixed(unit === "MB" ? 1 : 0)}${unit && ` ${unit}`}`,
    )
    .join(", ");
}

function counted(faults: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const fault of faults) counts.set(fault, (counts.get(fault) ?? 0) + 1);
  return counts;
}

/** Says of each figure how it went after the first minute; whether all are flat. */
function judge(measured: readonly (readonly [number, Figures])[]): boolean {
  let isFlat = true;
  for (const [name, { unit, slack }] of Object.entries(FIGURES)) {
    const points = measured
      .slice(1)
      .map(([minute, figures]): [number, number] => [minute, figures[name as keyof Figures]])
      .filter(([, value]) => Number.isFinite(value));
    if (points.length === 0) {
      say(`not measured here: ${name}`);
      continue;
    }
    const series: Series = { name, unit, slack, points };
    const trend = trendOf(series);
    isFlat &&= trend.isFlat;
    say(
      `${trend.isFlat ? "flat " : "GROWS"} ${name}: ${trend.hourly.toFixed(1)} ${unit} an hour, ` +
        `${trend.growth.toFixed(1)} in all, ${trend.bound.toFixed(1)} allowed, of ${points.length} measurements`,
    );
  }
  return isFlat;
}

await program.parseAsync();
