/** `<SegmentCanvas>`: `<sam2-canvas>` with React's properties. */
import {
  type Answer,
  NO_PROMPTS,
  type Prompts,
  type Sam2CanvasElement,
  type SessionState,
  type ShownObject,
  type Tool,
} from "sam2-canvas";
import "sam2-canvas/define";
import { type CSSProperties, createElement, type ReactElement, type Ref, useCallback, useEffect, useRef } from "react";
import type { ImageSource, Segmenter } from "sam2-web";

/** Properties of `<SegmentCanvas>`. */
export interface SegmentCanvasProps {
  /** The picture: an address, or one that is the same object at each render. */
  readonly image: ImageSource | null;
  /** Answers the prompts, as from `useSegmenter`, null while that opens; where it is left out, a shared one is opened. */
  readonly segmenter?: Segmenter | null | undefined;
  /** Which model the shared one is. */
  readonly model?: string | undefined;
  /** Points and box, where the parent holds them: they change only when this property does. */
  readonly prompts?: Prompts | undefined;
  /** Points and box at first, where the canvas holds them. */
  readonly defaultPrompts?: Prompts | undefined;
  /** The person changed the prompts. */
  readonly onPromptsChange?: ((prompts: Prompts) => void) | undefined;
  /** Another mask is shown, or none. */
  readonly onAnswerChange?: ((answer: Answer | null) => void) | undefined;
  readonly onStateChange?: ((state: SessionState) => void) | undefined;
  /** The picture, the model or a prompt failed. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** Drawn under the mask. */
  readonly objects?: readonly ShownObject[] | undefined;
  /** Opacity of the masks' filling, 0 to 1. */
  readonly opacity?: number | undefined;
  /** What the main button does. */
  readonly tool?: Tool | undefined;
  /** Shows buttons for tools, undo and zoom. */
  readonly controls?: boolean | undefined;
  /** Whether hovering shows what a click would give; `true` by default. */
  readonly previews?: boolean | undefined;
  /** What a screen reader calls the picture. */
  readonly label?: string | undefined;
  readonly disabled?: boolean | undefined;
  /** Name in a form's data. */
  readonly name?: string | undefined;
  readonly required?: boolean | undefined;
  /** What a form's data has: COCO RLE as JSON (default), or a PNG. */
  readonly valueAs?: "rle" | "png" | undefined;
  readonly className?: string | undefined;
  readonly style?: CSSProperties | undefined;
  readonly id?: string | undefined;
  /** The element, with `undo()` and more in its `session`. */
  readonly elementRef?: Ref<Sam2CanvasElement> | undefined;
}

const NO_OBJECTS: readonly ShownObject[] = [];

/** Calls the newest of the functions that a property was, so that listening need not begin anew. */
function useNewest<Call>(call: Call): { readonly current: Call } {
  const newest = useRef(call);
  useEffect(() => {
    newest.current = call;
  });
  return newest;
}

/**
 * A picture to click on, with prompts, mask, zoom, keys and touch.
 *
 * @example
 * ```ts
 * import { createElement, useState } from "react";
 *
 * function Editor({ picture }: { picture: Blob }) {
 *   const [prompts, onPromptsChange] = useState(NO_PROMPTS);
 *   return createElement(SegmentCanvas, { image: picture, prompts, onPromptsChange, controls: true, label: "My picture" });
 * }
 * ```
 */
export function SegmentCanvas(props: SegmentCanvasProps): ReactElement {
  const { image, segmenter, prompts, defaultPrompts = NO_PROMPTS, objects = NO_OBJECTS, opacity = 0.45 } = props;
  const element = useRef<Sam2CanvasElement | null>(null);
  const newest = useNewest(props);
  const first = useRef(defaultPrompts);

  const { elementRef } = props;
  const attach = useCallback(
    (canvas: Sam2CanvasElement | null) => {
      element.current = canvas;
      if (typeof elementRef === "function") elementRef(canvas);
      else if (elementRef) elementRef.current = canvas;
    },
    [elementRef],
  );

  useEffect(() => {
    const canvas = element.current;
    if (!canvas) return;
    const stop = new AbortController();
    const { signal } = stop;
    canvas.addEventListener(
      "promptschange",
      (event) => {
        if (newest.current.prompts !== undefined) event.preventDefault();
        newest.current.onPromptsChange?.(event.detail);
      },
      { signal },
    );
    canvas.addEventListener("answerchange", ({ detail }) => newest.current.onAnswerChange?.(detail), { signal });
    canvas.addEventListener("statechange", ({ detail }) => newest.current.onStateChange?.(detail), { signal });
    canvas.addEventListener("segmenterror", ({ detail }) => newest.current.onError?.(detail), { signal });
    return () => stop.abort();
  }, [newest]);

  useEffect(() => {
    if (element.current) Object.assign(element.current, { segmenter, objects, opacity });
  }, [segmenter, objects, opacity]);

  useEffect(() => {
    const canvas = element.current;
    if (!canvas || canvas.image === image) return;
    canvas.image = image;
    // another picture takes the prompts of the one before away
    canvas.prompts = newest.current.prompts ?? first.current;
    first.current = NO_PROMPTS;
  }, [image, newest]);

  useEffect(() => {
    if (element.current && prompts !== undefined) element.current.prompts = prompts;
  }, [prompts]);

  const { model, tool, controls, previews, label, disabled, name, required, valueAs, className, style, id } = props;
  // React 19 sets properties, where "" is false; React 18 attributes, where false is a text
  const flag = (is: boolean | undefined): true | undefined => is || undefined;
  return createElement("sam2-canvas", {
    ...{ model, tool, label, name, style, id },
    // React 18 knows no properties of custom elements, only attributes
    class: className,
    controls: flag(controls),
    disabled: flag(disabled),
    required: flag(required),
    previews: previews === false ? "off" : undefined,
    "value-as": valueAs,
    ref: attach,
  });
}
