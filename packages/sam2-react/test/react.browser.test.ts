/** Hooks and canvas in React, in StrictMode, with a real segmenter. */
import axe from "axe-core";
import { Component, createElement, type ReactNode, StrictMode, Suspense, useState } from "react";
import { flushSync } from "react-dom";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import type { Sam2CanvasElement } from "sam2-canvas";
import {
  NO_PROMPTS,
  type Prompts,
  SegmentCanvas,
  type SegmentCanvasProps,
  type UseSegment,
  type UseSegmenter,
  useImage,
  useSegment,
  useSegmenter,
} from "sam2-react";
import type { SegmenterImage } from "sam2-web";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";

const FILES = import.meta.glob<string>("../../../models/reference/fixtures/{toy,photo}/*", {
  query: "?url",
  import: "default",
  eager: true,
});

async function fixture(name: string): Promise<Blob> {
  const url = Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1];
  return (await fetch(url ?? expect.fail(`no fixture ${name}`))).blob();
}

let photo: Blob;
let model: { readonly id: string; readonly config: Blob; readonly weights: readonly Blob[] };
beforeAll(async () => {
  photo = await fixture("photo/truck.png");
  model = { id: "toy", config: await fixture("toy/config.json"), weights: [await fixture("toy/model.safetensors")] };
});

const OriginalWorker = globalThis.Worker;
/** Workers that are running. */
let running: Set<Worker>;
let started = 0;
class ObservedWorker extends OriginalWorker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    running.add(this);
    started++;
  }
  override terminate(): void {
    running.delete(this);
    super.terminate();
  }
}
const NoWorker = class {
  constructor() {
    throw new Error("no worker today");
  }
} as unknown as typeof Worker;

let root: Root;
let host: HTMLElement;
beforeEach(() => {
  running = new Set();
  started = 0;
  globalThis.Worker = ObservedWorker;
  host = document.body.appendChild(document.createElement("main"));
  root = createRoot(host);
});
afterEach(async () => {
  root.unmount();
  host.remove();
  // what nobody uses any more is closed
  await expect.poll(() => running.size).toBe(0);
  globalThis.Worker = OriginalWorker;
});

const show = (children: ReactNode): void => flushSync(() => root.render(createElement(StrictMode, null, children)));

const until = (ask: () => unknown, value: unknown): Promise<void> =>
  expect.poll(ask, { timeout: 20_000 }).toEqual(value);

const options = (): { device: "wasm"; model: typeof model } => ({ device: "wasm", model });

test("the hooks: one worker in StrictMode; an answer; a new prompt keeps the old answer until the new one", async () => {
  const seen: UseSegment[] = [];
  function Masks({ x }: { x: number }): string {
    const { segmenter } = useSegmenter(options());
    const { image } = useImage(segmenter, photo);
    const segment = useSegment(segmenter, image, { point_coords: [[x, 60]], point_labels: [1] });
    seen.push(segment);
    return segment.status;
  }
  show(createElement(Masks, { x: 100 }));
  await until(() => host.textContent, "ready");
  expect([started, running.size]).toEqual([1, 1]);
  const { result } = seen.at(-1) as UseSegment;
  seen.length = 0;
  show(createElement(Masks, { x: 100 }));
  expect(seen.map(({ status }) => status)).not.toContain("pending");
  show(createElement(Masks, { x: 20 }));
  await until(() => host.textContent, "ready");
  expect(seen.find(({ status }) => status === "pending")?.result).toBe(result);
  expect(seen.at(-1)?.result).not.toBe(result);
});

test("what is unmounted is released: first the image, then the segmenter", async () => {
  let image: SegmenterImage | null = null;
  let opened: UseSegmenter["segmenter"] = null;
  function Model({ children }: { children?: ReactNode }): ReactNode {
    opened = useSegmenter(options()).segmenter;
    return children ?? "alone";
  }
  function Encoded(): string {
    ({ image } = useImage(useSegmenter(options()).segmenter, photo));
    return image ? "encoded" : "waiting";
  }
  show(createElement(Model, null, createElement(Encoded)));
  await until(() => host.textContent, "encoded");
  show(createElement(Model));
  const [segmenter, old] = [opened, image] as unknown as [NonNullable<UseSegmenter["segmenter"]>, SegmenterImage];
  await until(() => host.textContent, "alone");
  const asked = (): Promise<string> =>
    segmenter.segment({ image: old, box: [1, 1, 9, 9] }).then(
      () => "answered",
      (error: Error) => error.name,
    );
  await until(asked, "ImageReleasedError");
  expect(running.size).toBe(1);
});

test("unmounted while the model opens: its worker ends", async () => {
  show(createElement(() => useSegmenter(options()).status));
  await until(() => [host.textContent, running.size], ["loading", 1]);
  show("gone");
  await until(() => running.size, 0);
});

test("suspense: the fallback, then the answer, without a second worker", async () => {
  function Ready(): string {
    const { segmenter } = useSegmenter({ ...options(), suspense: true });
    const { image } = useImage(segmenter, photo, { suspense: true });
    return `${segmenter?.model.id} ${image?.width}`;
  }
  show(createElement(Suspense, { fallback: "Please wait" }, createElement(Ready)));
  await until(() => host.textContent, "Please wait");
  const { width } = await createImageBitmap(photo);
  await until(() => host.textContent, `toy ${width}`);
  expect(started).toBe(1);
});

test("a model that is not there: a named error, and a new attempt", async () => {
  let again: UseSegmenter["retry"] = () => undefined;
  function Status(): string {
    const { status, error, retry } = useSegmenter({ model: "/no-such-folder/model.json" });
    again = retry;
    return error?.name ?? status;
  }
  show(createElement(Status));
  const failed = expect.stringMatching(/DownloadError|InvalidModelError/);
  await until(() => host.textContent, failed);
  const before = started;
  again();
  await until(() => started > before, true);
  await until(() => host.textContent, failed);
});

test("a new attempt is for all components that share the model; one of them may go", async () => {
  let again: UseSegmenter["retry"] = () => undefined;
  function Status(): string {
    const { status, retry } = useSegmenter(options());
    again = retry;
    return `${status} `;
  }
  const both = [createElement(Status, { key: "a" }), createElement(Status, { key: "b" })];
  globalThis.Worker = NoWorker;
  show(both);
  await until(() => host.textContent, "failed failed ");
  globalThis.Worker = ObservedWorker;
  again();
  await until(() => host.textContent, "ready ready ");
  show(both.slice(0, 1));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect([host.textContent, started, running.size]).toEqual(["ready ", 1, 1]);
});

test("suspense: an error boundary that is reset tries again", async () => {
  class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
    override state = { failed: false };
    static getDerivedStateFromError(): object {
      return { failed: true };
    }
    override render(): ReactNode {
      if (!this.state.failed) return this.props.children;
      return createElement("button", { type: "button", onClick: () => this.setState({ failed: false }) }, "Try again");
    }
  }
  const Ready = (): string => useSegmenter({ ...options(), suspense: true }).status;
  globalThis.Worker = NoWorker;
  show(createElement(Boundary, null, createElement(Suspense, null, createElement(Ready))));
  await until(() => host.textContent, "Try again");
  globalThis.Worker = ObservedWorker;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  host.querySelector("button")?.click();
  await until(() => host.textContent, "ready");
});

/** Presses and releases the main button at image pixels. */
function click(x: number, y: number): void {
  const { view } = document.querySelector("sam2-canvas") as Sam2CanvasElement;
  if (!view) expect.fail("no view");
  const { left, top } = view.element.getBoundingClientRect();
  const { scale, left: dx, top: dy } = view.viewport;
  const at = { clientX: left + x * scale + dx, clientY: top + y * scale + dy, pointerId: 1, pointerType: "mouse" };
  view.element.dispatchEvent(new PointerEvent("pointerdown", { ...at, buttons: 1 }));
  view.element.dispatchEvent(new PointerEvent("pointerup", at));
}

/** A canvas with a segmenter of its own, and what it reported. */
function Canvas(props: Partial<SegmentCanvasProps>): ReactNode {
  const { segmenter } = useSegmenter(options());
  return createElement(SegmentCanvas, {
    image: photo,
    segmenter,
    style: { width: "400px" },
    label: "A truck",
    ...props,
  });
}

const element = (): Sam2CanvasElement => document.querySelector("sam2-canvas") as Sam2CanvasElement;

test("<SegmentCanvas> that holds its prompts: defaults, a click, an answer, another picture", async () => {
  const reported: Prompts[] = [];
  const states: string[] = [];
  const defaultPrompts: Prompts = { points: [], box: [10, 10, 90, 80] };
  const props = {
    defaultPrompts,
    onPromptsChange: (prompts: Prompts) => void reported.push(prompts),
    onStateChange: (state: string) => void states.push(state),
  };
  show(createElement(Canvas, props));
  await until(() => element().answer !== null, true);
  expect(element().prompts).toBe(defaultPrompts);
  expect(states).toEqual(expect.arrayContaining(["encoding", "segmenting", "ready"]));
  click(100, 60);
  expect(reported).toHaveLength(1);
  expect(element().prompts).toBe(reported[0]);
  const copy = photo.slice(0, photo.size, photo.type);
  show(createElement(Canvas, { ...props, image: copy }));
  await until(() => element().prompts, NO_PROMPTS);
});

test("<SegmentCanvas> whose parent holds the prompts: they change only when the parent agrees", async () => {
  let agree = false;
  const answers: boolean[] = [];
  function Parent(): ReactNode {
    const [prompts, setPrompts] = useState(NO_PROMPTS);
    return createElement(Canvas, {
      prompts,
      onPromptsChange: (next: Prompts) => agree && setPrompts(next),
      onAnswerChange: (answer: unknown) => void answers.push(answer !== null),
    });
  }
  show(createElement(Parent));
  await until(() => element().state, "ready");
  click(100, 60);
  expect(element().prompts).toBe(NO_PROMPTS);
  agree = true;
  click(100, 60);
  await until(() => element().prompts.points.length, 1);
  await until(() => answers, [true]);
  element().session?.undo();
  await until(() => [element().prompts, element().session?.canRedo], [NO_PROMPTS, true]);
});

test("axe finds nothing wrong; properties are attributes", async () => {
  show([
    createElement("h1", { key: "title" }, "Picture"),
    createElement(Canvas, { key: "canvas", controls: true, tool: "box", className: "wide", name: "object" }),
  ]);
  await until(() => element().state, "ready");
  const { violations } = await axe.run(host);
  expect(violations.map(({ id }) => id)).toEqual([]);
  expect(element().outerHTML).toContain('class="wide"');
  expect([element().tool, element().name]).toEqual(["box", "object"]);
});

test("<SegmentCanvas> is disabled, and enabled again", async () => {
  show(createElement(Canvas, { disabled: true, controls: true, required: true }));
  const attributes = (): boolean[] =>
    ["disabled", "controls", "required"].map((attribute) => element().hasAttribute(attribute));
  expect([element().disabled, attributes()]).toEqual([true, [true, true, true]]);
  await until(() => element().state, "ready");
  click(100, 60);
  expect(element().prompts).toBe(NO_PROMPTS);
  show(createElement(Canvas, { disabled: false }));
  expect([element().disabled, attributes()]).toEqual([false, [false, false, false]]);
  click(100, 60);
  expect(element().prompts.points).toHaveLength(1);
});

test("an error is reported", async () => {
  const errors: string[] = [];
  show(
    createElement(Canvas, { image: new Blob(["no picture"]), onError: ({ name }: Error) => void errors.push(name) }),
  );
  await until(() => errors, ["InvalidImageError"]);
});

test("what a server sent is taken over as it is, and made live", async () => {
  const complaints: unknown[] = [];
  const children = createElement(Canvas, { controls: true, disabled: false, className: "wide", tool: "box" });
  host.remove();
  host = document.body.appendChild(document.createElement("main"));
  host.innerHTML = renderToString(children);
  const sent = element();
  root = hydrateRoot(host, children, { onRecoverableError: (error) => void complaints.push(error) });
  await until(() => sent.state, "ready");
  expect([element() === sent, complaints]).toEqual([true, []]);
});
