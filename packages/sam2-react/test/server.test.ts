/** On a server: everything can be imported and rendered, and nothing is opened. */
import { createElement, Suspense } from "react";
import { renderToString } from "react-dom/server";
import { SegmentCanvas, useImage, useSegment, useSegmenter } from "sam2-react";
import { expect, test } from "vitest";

test("<SegmentCanvas> is an element with its attributes; the browser makes it live", () => {
  const html = renderToString(
    createElement(SegmentCanvas, {
      image: "photo.jpg",
      prompts: { points: [{ x: 1, y: 2, positive: true }], box: null },
      onPromptsChange: () => expect.fail("nobody is there to change prompts"),
      controls: true,
      disabled: false,
      label: "A truck",
      className: "wide",
      valueAs: "png",
    }),
  );
  expect(html).toBe('<sam2-canvas label="A truck" class="wide" controls="" value-as="png"></sam2-canvas>');
});

function Status({ suspense }: { suspense: boolean }): string {
  const { segmenter, status } = useSegmenter({ suspense });
  const image = useImage(segmenter, "photo.jpg");
  const { status: asked } = useSegment(segmenter, image.image, { box: [1, 2, 3, 4] });
  return [status, image.status, asked].join(" ");
}

test("the hooks are loading, and open nothing", () => {
  expect(renderToString(createElement(Status, { suspense: false }))).toBe("loading idle idle");
});

test("with suspense, the fallback is sent", () => {
  const waiting = createElement(Suspense, { fallback: "Please wait" }, createElement(Status, { suspense: true }));
  expect(renderToString(waiting)).toContain("Please wait");
});
