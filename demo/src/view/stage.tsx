/** The picture with what lies over it; what is pointed at becomes prompts and strokes. */

import { type ReactNode, useEffect, useRef, useState } from "react";
import { type ImageDrag, PictureView } from "sam2-canvas";
import { logitsOf } from "../workspace/answer.ts";
import { objectsOf, type State } from "../workspace/state.ts";
import type { Workspace } from "../workspace/workspace.ts";
import { takeInFrom } from "./intake.ts";
import { useViewed, useWorkspace } from "./viewed.ts";

const LABEL = "Picture to segment";

/** The class's color of the next object: what is kept will look like that. */
function colorOf({ project, className }: State): string {
  return project.classes.find(({ name }) => name === className)?.color ?? "#1d6ed8";
}

/** Draws the state. */
function draw(view: PictureView, state: State): void {
  const { answer, preview, marks, crosshair, options, selected, pointed, project } = state;
  const colors = new Map(project.classes.map(({ name, color }) => [name, color]));
  view.update({
    mask: answer ? logitsOf(answer) : preview,
    isPreview: !answer,
    prompts: marks,
    crosshair,
    color: colorOf(state),
    opacity: options.opacity,
  });
  const objects = objectsOf(state);
  const known = drawn.get(view);
  const isSame =
    known?.objects === objects &&
    known.selected === selected &&
    known.pointed === pointed &&
    known.classes === project.classes;
  if (isSame) return;
  drawn.set(view, { objects, selected, pointed, classes: project.classes });
  view.update({
    objects: objects.map(({ id, rle, className, name, hidden, locked }) => ({
      id,
      mask: rle,
      color: colors.get(className) ?? "#1d6ed8",
      label: name || className,
      selected: id === selected,
      highlighted: id === pointed,
      hidden,
      locked,
    })),
  });
}

/** What the objects were drawn from last. */
const drawn = new WeakMap<PictureView, Pick<State, "selected" | "pointed"> & { objects: unknown; classes: unknown }>();

/** Turns what is done on the picture into prompts and strokes. */
function listen(view: PictureView, workspace: Workspace): void {
  const isBrush = (): boolean => ["paint", "erase"].includes(workspace.state.get().tool);
  let stroke: { x: number; y: number }[] = [];
  const strokeOf = (points: readonly { x: number; y: number }[]) => {
    const { tool, options } = workspace.state.get();
    return { points, radius: Math.max(0.5, options.brush / 2), erase: tool === "erase" };
  };
  view.paintOver = (context, { scale, left, top }) => {
    if (stroke.length === 0) return;
    const { radius, erase } = strokeOf(stroke);
    context.globalAlpha = 0.6;
    context.strokeStyle = erase ? "#ffffff" : colorOf(workspace.state.get());
    context.lineWidth = 2 * radius * scale;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    for (const { x, y } of stroke) context.lineTo(left + x * scale, top + y * scale);
    context.stroke();
  };
  const endStroke = (): void => {
    stroke = [];
    view.repaint();
  };
  const boxOf = ({ from, at }: ImageDrag) => [from.x, from.y, at.x, at.y] as const;

  view.on("hover", ({ x, y }) => workspace.hover(x, y));
  view.on("leave", () => workspace.leave());
  view.on("click", ({ x, y, positive }) => {
    if (isBrush()) workspace.brush(strokeOf([{ x, y }]));
    else workspace.addPoint(x, y, positive && workspace.state.get().tool !== "remove");
  });
  view.on("drag", (drag) => {
    if (isBrush()) {
      stroke = stroke.length === 0 ? [drag.from, drag.at] : [...stroke, drag.at];
      view.repaint();
    } else {
      const [x1, y1, x2, y2] = boxOf(drag);
      view.update({ rubberBand: [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)] });
    }
  });
  view.on("dragend", (drag) => {
    if (isBrush()) workspace.brush(strokeOf([...stroke, drag.at]));
    else workspace.drawBox(boxOf(drag));
    view.update({ rubberBand: null });
    endStroke();
  });
  view.on("dragcancel", () => {
    view.update({ rubberBand: null });
    endStroke();
  });
  view.on("crosshair", (crosshair) => workspace.state.update({ crosshair }));
}

/** Fills its place with the picture; `children` lie over it. */
export function Stage({ picture, children }: { readonly picture: ImageBitmap | null; readonly children: ReactNode }) {
  const { workspace, view } = useViewed();
  const host = useRef<HTMLDivElement>(null);
  const [isDropping, setDropping] = useState(false);
  const { state } = workspace;

  useEffect(() => {
    const made = new PictureView(host.current as HTMLDivElement, { label: LABEL });
    listen(made, workspace);
    view.current = made;
    draw(made, state.get());
    const end = state.subscribe(() => draw(made, state.get()));
    return () => {
      end();
      view.current = null;
      made.dispose();
    };
  }, [workspace, view, state]);

  useEffect(() => {
    const shown = view.current;
    if (!shown) return;
    shown.show(picture);
    drawn.delete(shown);
    draw(shown, state.get());
    if (picture && state.get().current !== null) shown.element.focus({ preventScroll: true });
  }, [picture, view, state]);

  const name = useWorkspace(({ project, current }) => project.images.find(({ id }) => id === current)?.name);
  useEffect(() => {
    if (view.current) view.current.label = name ? `${LABEL}: ${name}` : LABEL;
  }, [name, view]);

  return (
    <main
      className={isDropping ? "stage is-dropping" : "stage"}
      aria-label="Picture"
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={(event) => {
        event.preventDefault();
        setDropping(false);
        takeInFrom(workspace, event.nativeEvent);
      }}
    >
      <div ref={host} className="picture" />
      {children}
    </main>
  );
}
