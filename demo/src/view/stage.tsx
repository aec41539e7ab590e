/** The picture with what lies over it; what is pointed at becomes prompts and strokes. */

import { type ReactNode, useCallback, useEffect, useRef } from "react";
import { type ImageDrag, PictureView } from "sam2-canvas";
import { shapeOf } from "../workspace/answer.ts";
import { NO_MARKS } from "../workspace/prompt.ts";
import { HAND_TOOLS, imageOf, objectsOf, type State } from "../workspace/state.ts";
import type { Workspace } from "../workspace/workspace.ts";
import { colorOf, listenByHand } from "./by-hand.ts";
import type { DecodedPicture } from "./picture.ts";
import { seenIn } from "./seen.ts";
import { type Shades, shadeOf, shadesOf } from "./shades.ts";
import { useViewed, useWorkspace } from "./viewed.ts";

const LABEL = "Picture to segment";

/** The keys, for screen readers. */
const KEYS =
  "Arrow keys move the crosshair. A period marks what belongs to the object, a comma what does not. Enter keeps the mask; without one, it marks. B begins and ends a box at the crosshair, plus and minus zoom, 0 fits the picture, Escape clears.";

/** What keeps the focus when another picture comes: what is typed, and what is open over the page. */
const KEEPS_FOCUS =
  ":is(input:not([type=radio], [type=checkbox], [type=range], [type=file]), [role=dialog] *, [role=alertdialog] *, [role=menu] *)";

/** What is drawn over a picture that is not the open one: nothing. */
const NOTHING: Pick<State, "answer" | "preview" | "marks" | "crosshair" | "current"> = {
  answer: null,
  preview: null,
  marks: NO_MARKS,
  crosshair: null,
  current: null,
};

/** Draws the state. */
function draw(view: PictureView, state: State): void {
  const { answer, preview, marks, crosshair, options, selected, others, pointed, project } = state;
  const colors = new Map(project.classes.map(({ name, color }) => [name, color]));
  view.update({
    mask: answer ? shapeOf(answer) : preview,
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
    known.others === others &&
    known.pointed === pointed &&
    known.classes === project.classes;
  if (isSame) return;
  const shades = shadesOf(objects, known?.shades ?? new Map());
  drawn.set(view, { objects, selected, others, pointed, classes: project.classes, shades });
  view.update({
    objects: objects.map(({ id, rle, className, name, hidden, locked }) => ({
      id,
      mask: rle,
      color: shadeOf(colors.get(className) ?? "#1d6ed8", shades.get(id) ?? 0),
      label: name || className,
      selected: id === selected || others.includes(id),
      highlighted: id === pointed,
      hidden,
      locked,
    })),
  });
}

/** What the objects were drawn from last. */
const drawn = new WeakMap<
  PictureView,
  Pick<State, "selected" | "others" | "pointed"> & { objects: unknown; classes: unknown; shades: Shades }
>();

/**
 * Turns what is done on the picture into prompts and strokes.
 *
 * @param isShown whether the open picture is what is seen: a place that is pointed at in another one is none of its places
 */
function listen(view: PictureView, workspace: Workspace, isShown: () => boolean): void {
  const byHand = listenByHand(view, workspace);
  const isByHand = (): boolean => HAND_TOOLS.includes(workspace.state.get().tool);
  const boxOf = ({ from, at }: ImageDrag) => [from.x, from.y, at.x, at.y] as const;
  const cancel = (): void => {
    view.update({ rubberBand: null });
    byHand.dragCancel();
  };

  view.on("hover", (at) => {
    if (!isShown()) return;
    workspace.hover(at.x, at.y);
    byHand.hover(at);
  });
  view.on("leave", () => {
    workspace.leave();
    byHand.hover(null);
  });
  view.on("click", (at) => {
    if (!isShown()) return;
    if (isByHand()) byHand.click(at);
    else workspace.addPoint(at.x, at.y, at.positive && workspace.state.get().tool !== "remove");
  });
  view.on("dragstart", (from) => isShown() && isByHand() && byHand.dragStart(from));
  view.on("drag", (drag) => {
    if (!isShown()) return;
    if (isByHand()) return byHand.drag(drag);
    const [x1, y1, x2, y2] = boxOf(drag);
    view.update({ rubberBand: [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)] });
  });
  view.on("dragend", (drag) => {
    if (!isShown()) return cancel();
    if (isByHand()) byHand.dragEnd(drag);
    else workspace.drawBox(boxOf(drag));
    view.update({ rubberBand: null });
  });
  view.on("dragcancel", cancel);
  view.on("crosshair", (crosshair) => isShown() && workspace.state.update({ crosshair }));
}

/** Fills its place with the picture; `children` lie over it. */
export function Stage({
  decoded,
  children,
}: {
  readonly decoded: DecodedPicture | null;
  readonly children: ReactNode;
}) {
  const { workspace, view } = useViewed();
  const host = useRef<HTMLDivElement>(null);
  const { state } = workspace;
  /** The file of the picture in the view. */
  const file = useRef<Blob | null>(null);

  const show = useCallback(
    (view: PictureView): void => {
      const now = state.get();
      const isShown = file.current === now.picture;
      view.element.ariaBusy = String(!isShown);
      draw(view, isShown ? now : { ...now, ...NOTHING });
    },
    [state],
  );

  useEffect(() => {
    const made = new PictureView(host.current as HTMLDivElement, { label: LABEL, description: KEYS });
    listen(made, workspace, () => file.current === state.get().picture);
    view.current = made;
    show(made);
    const end = state.subscribe(() => show(made));
    return () => {
      end();
      view.current = null;
      made.dispose();
    };
  }, [workspace, view, state, show]);

  useEffect(() => {
    const shown = view.current;
    if (!shown) return;
    const picture = decoded?.picture ?? null;
    file.current = decoded?.file ?? null;
    shown.show(picture);
    workspace.editing.lookAt(seenIn(shown, picture));
    drawn.delete(shown);
    show(shown);
    const isFree = !document.activeElement?.matches(KEEPS_FOCUS);
    if (picture && state.get().current !== null && isFree) shown.element.focus({ preventScroll: true });
  }, [decoded, view, state, workspace, show]);

  const name = useWorkspace((state) => imageOf(state)?.name);
  useEffect(() => {
    if (view.current) view.current.label = name ? `${LABEL}: ${name}` : LABEL;
  }, [name, view]);

  return (
    <main className="stage" aria-label="Picture">
      <div ref={host} className="picture" />
      {children}
    </main>
  );
}
