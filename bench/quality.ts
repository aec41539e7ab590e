/**
 * How good the masks are: a folder of photographs with region labels and prompts, through the
 * library in a headless browser. The same measure as models/sam2-mini/evaluate.py.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { launchBrowser } from "headless/browser";
import type { Question } from "headless/segment-job";
import { serve } from "headless/server";
import { type Detail, decodeRle, type Mask, maskIou } from "sam2-web";
import { mean, rounded } from "./measure.ts";
import { innerPoint, type Prompt, readPrompts, readTruth } from "./regions.ts";

/** mIoU of the mask shown first, and of the best of three. */
export interface Quality {
  readonly top: number;
  readonly best: number;
}

/** The report that `--json` writes. */
export interface QualityReport {
  readonly prompts: number;
  readonly click1: Quality;
  readonly click3: Quality;
  readonly click5: Quality;
  readonly box: Quality;
  readonly baselines: { readonly disc: number; readonly box: number };
}

/** Measures a model on a set; `model` is a name, an address, or a folder with a model.json. */
export async function quality(set: string, model: string, detail: Detail): Promise<QualityReport> {
  const prompts = await readPrompts(set);
  const local = existsSync(join(model, "model.json"));
  const server = await serve({
    folders: {
      "set/": resolve(set),
      ...(local ? { "models/local/": resolve(model) } : {}),
    },
  });
  const browser = await launchBrowser();
  const found: Record<"click1" | "click3" | "click5" | "box", { top: number[]; best: number[] }> = {
    click1: { top: [], best: [] },
    click3: { top: [], best: [] },
    click5: { top: [], best: [] },
    box: { top: [], best: [] },
  };
  const truths: { mask: Mask; prompt: Prompt; area: number }[] = [];
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => "quality" in window);
    const address = local ? "models/local/model.json" : model;
    await page.evaluate(([name, when]) => window.quality.open(name, "auto", when), [address, detail] as const);
    let opened = "";
    for (const prompt of prompts) {
      const mask = await readTruth(set, prompt);
      const { width } = mask;
      truths.push({ mask, prompt, area: mask.data.reduce((sum, value) => sum + value, 0) });
      if (opened !== prompt.image) {
        await page.evaluate((address) => window.quality.setImage(address), `set/${prompt.image}`);
        opened = prompt.image;
      }
      const ask = async (question: Question, name: keyof typeof found | null): Promise<Mask> => {
        const { shown, three } = await page.evaluate((asked) => window.quality.ask(asked), question);
        const first = decodeRle(shown);
        if (name !== null) {
          found[name].top.push(maskIou(first, mask));
          found[name].best.push(Math.max(...three.map((rle) => maskIou(decodeRle(rle), mask))));
        }
        return first;
      };
      const points: { x: number; y: number; positive: boolean }[] = [
        { x: prompt.point[0], y: prompt.point[1], positive: true },
      ];
      for (let clicks = 1; clicks <= 5; clicks++) {
        const name = ([1, 3, 5].includes(clicks) ? `click${clicks}` : null) as keyof typeof found | null;
        const first = await ask({ points, box: null, refine: clicks > 1 }, name);
        const wrong = innerPoint({ ...first, data: first.data.map((value, i) => value ^ (mask.data[i] as number)) });
        if (wrong) points.push({ ...wrong, positive: mask.data[wrong.y * width + wrong.x] === 1 });
      }
      await ask({ points: [], box: [...prompt.box], refine: false }, "box");
    }
  } finally {
    await browser.close();
    await server.close();
  }
  const share = mean(truths.map(({ mask, area }) => area / mask.data.length));
  const painted = (mask: Mask, inside: (x: number, y: number) => boolean): number => {
    const data = mask.data.map((_, i) => Number(inside(i % mask.width, Math.floor(i / mask.width))));
    return maskIou({ ...mask, data }, mask);
  };
  const discs = truths.map(({ mask, prompt: { point } }) => {
    const radius2 = (share * mask.data.length) / Math.PI;
    return painted(mask, (x, y) => (x - point[0]) ** 2 + (y - point[1]) ** 2 < radius2);
  });
  const boxes = truths.map(({ mask, prompt: { box } }) =>
    painted(
      mask,
      (x, y) => x >= Math.floor(box[0]) && x < Math.ceil(box[2]) && y >= Math.floor(box[1]) && y < Math.ceil(box[3]),
    ),
  );
  const summary = (name: keyof typeof found): Quality => ({
    top: rounded(mean(found[name].top)),
    best: rounded(mean(found[name].best)),
  });
  return {
    prompts: prompts.length,
    click1: summary("click1"),
    click3: summary("click3"),
    click5: summary("click5"),
    box: summary("box"),
    baselines: { disc: rounded(mean(discs)), box: rounded(mean(boxes)) },
  };
}
