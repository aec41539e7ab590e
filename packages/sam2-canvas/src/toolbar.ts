/** The buttons beside a picture: tools, undo, zoom. */
import { isEmptyPrompt } from "./prompts.ts";
import type { SegmentSession, Tool } from "./session.ts";

interface Action {
  readonly label: string;
  /** SVG path data on a grid of 24 by 24, to be stroked. */
  readonly icon: string;
  run(session: SegmentSession): void;
  isEnabled(session: SegmentSession): boolean;
}

interface Choice {
  readonly tool: Tool;
  readonly label: string;
  readonly icon: string;
}

const TOOLS: readonly Choice[] = [
  { tool: "add", label: "Points on the object", icon: "M12 5v14M5 12h14" },
  { tool: "remove", label: "Points that do not belong to it", icon: "M5 12h14" },
  { tool: "box", label: "Box around the object", icon: "M5 6h14v12H5z" },
  {
    tool: "pan",
    label: "Move the picture",
    icon: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  },
];

const hasPicture = ({ state }: SegmentSession): boolean => state !== "empty";

const ACTIONS: readonly Action[] = [
  {
    label: "Undo",
    icon: "M9 7l-5 4 5 4M4 11h10a5 5 0 0 1 0 9h-3",
    run: (session) => session.undo(),
    isEnabled: ({ canUndo, isDisabled }) => canUndo && !isDisabled,
  },
  {
    label: "Redo",
    icon: "M15 7l5 4-5 4M20 11H10a5 5 0 0 0 0 9h3",
    run: (session) => session.redo(),
    isEnabled: ({ canRedo, isDisabled }) => canRedo && !isDisabled,
  },
  {
    label: "Clear",
    icon: "M6 6l12 12M18 6L6 18",
    run: (session) => session.clear(),
    isEnabled: ({ prompts, savedMask, isDisabled }) => !isDisabled && (!isEmptyPrompt(prompts) || savedMask !== null),
  },
  {
    label: "Zoom out",
    icon: "M15.5 15.5L21 21M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM7 10h6",
    run: ({ view }) => view.zoomBy(1 / 1.5),
    isEnabled: hasPicture,
  },
  {
    label: "Zoom in",
    icon: "M15.5 15.5L21 21M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM7 10h6M10 7v6",
    run: ({ view }) => view.zoomBy(1.5),
    isEnabled: hasPicture,
  },
  {
    label: "Fit",
    icon: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    run: ({ view }) => view.fit(),
    isEnabled: hasPicture,
  },
];

const SVG = "http://www.w3.org/2000/svg";

function button(label: string, icon: string, press: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.ariaLabel = made.title = label;
  made.part.add("button");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", icon);
  svg.append(path);
  made.append(svg);
  made.addEventListener("click", press);
  return made;
}

/** Makes the buttons in `parent`; the function that it returns shows what can be done now. */
export function makeToolbar(
  parent: HTMLElement,
  session: SegmentSession,
  chooseTool: (tool: Tool) => void,
): () => void {
  const refresh = (): void => {
    for (const [tool, made] of tools) {
      made.ariaPressed = String(tool === session.tool);
      made.disabled = session.isDisabled;
    }
    for (const [action, made] of actions) made.disabled = !action.isEnabled(session);
  };
  const tools = TOOLS.map(({ tool, label, icon }) => [tool, button(label, icon, () => chooseTool(tool))] as const);
  const actions = ACTIONS.map((action) => {
    const run = (): void => {
      action.run(session);
      refresh();
    };
    return [action, button(action.label, action.icon, run)] as const;
  });
  parent.replaceChildren(...tools.map(([, made]) => made), ...actions.map(([, made]) => made));
  refresh();
  return refresh;
}
