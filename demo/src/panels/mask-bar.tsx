/** Beside the mask: its candidates, and what can be done with it. */
import { Ellipsis, GripVertical } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import {
  Button,
  Menu,
  MenuTrigger,
  Popover,
  ToggleButton,
  ToggleButtonGroup,
  TooltipTrigger,
} from "react-aria-components";
import { toView } from "sam2-canvas";
import { useWorkspace } from "../view/viewed.ts";
import { type Answer, boxOf, candidateCount, logitsOf, scoreOf } from "../workspace/answer.ts";
import { commandItem, IconButton, KeyHint, Tip } from "./icon-button.tsx";
import { useCommand, useEnabled, usePage } from "./page.ts";

/** CSS pixels between the mask and the bar, and between the bar and the picture's frame. */
const GAP = 10;

/** Commands that are in the bar, and so not in its menu. */
const IN_THE_BAR = ["keep", "closer", "add to object", "take from object"];

/** Where the bar is put: nowhere else than where it would be. */
const FIRST_PLACE = { x: 0, y: 0 };

/** What arrow keys move it by. */
const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-24, 0],
  ArrowRight: [24, 0],
  ArrowUp: [0, -24],
  ArrowDown: [0, 24],
};

/** Nothing unless there is a mask. */
export function MaskBar() {
  const answer = useWorkspace((state) => state.answer);
  return answer && <Bar answer={answer} />;
}

function Bar({ answer }: { readonly answer: Answer }) {
  const { workspace, commands, view } = usePage();
  const bar = useRef<HTMLElement>(null);
  const isEnabled = useEnabled();
  const className = useWorkspace((state) => state.className);
  const color = useWorkspace(({ project }) => project.classes.find(({ name }) => name === className)?.color ?? "");

  const isCloser = useWorkspace((state) => state.isLookingCloser);
  /** Where the person has put the bar, in CSS pixels from where it would be. */
  const [put, setPut] = useState(FIRST_PLACE);

  // below the mask, else above it, else at the foot of the picture's frame
  useEffect(() => {
    const shown = view.current;
    const element = bar.current;
    if (!shown || !element) return;
    const box = boxOf(logitsOf(answer));
    const place = (): void => {
      const frame = shown.element.getBoundingClientRect();
      const { offsetWidth: width, offsetHeight: height } = element;
      const { width: across, height: down } = answer.result;
      const [x1, y1, x2, y2] = box ?? [0, 0, 1, 1];
      const from = toView(shown.viewport, { x: x1 * across, y: y1 * down });
      const to = toView(shown.viewport, { x: x2 * across, y: y2 * down });
      const within = (at: number, most: number): number => Math.max(Math.min(Math.max(at, GAP), most), GAP);
      const left = within((from.x + to.x - width) / 2 + put.x, frame.width - width - GAP);
      const lowest = frame.height - height - GAP;
      const below = to.y + GAP;
      const above = from.y - GAP - height;
      const free = below <= lowest ? Math.max(below, GAP) : above >= GAP ? Math.min(above, lowest) : lowest;
      const top = within(free + put.y, lowest);
      element.style.setProperty("--place", `${Math.round(left)}px ${Math.round(top)}px`);
    };
    place();
    const end = shown.on("viewport", place);
    const resized = new ResizeObserver(place);
    resized.observe(element);
    return () => {
      end();
      resized.disconnect();
    };
  }, [answer, view, put]);

  const [addTo, takeFrom, closer] = [useCommand("add to object"), useCommand("take from object"), useCommand("closer")];
  return (
    <section ref={bar} className="mask-bar" aria-label="Mask">
      <Grip put={put} setPut={setPut} />
      <ToggleButtonGroup
        className="candidates"
        aria-label="Candidates"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[answer.chosen]}
        onSelectionChange={([index]) => workspace.choose(index as number)}
      >
        {Array.from({ length: candidateCount(answer) }, (_, index) => index).map((index) => (
          <Candidate key={index} answer={answer} index={index} color={color} />
        ))}
      </ToggleButtonGroup>
      <Button
        className="keep"
        onPress={() => {
          workspace.keep();
          view.current?.element.focus({ preventScroll: true });
        }}
      >
        <span className="swatch" style={{ background: color }} />
        <span>
          Keep as <b>{className}</b>
        </span>
        <KeyHint keys="enter" />
      </Button>
      <span
        className={isCloser ? "closer is-busy" : "closer"}
        role="status"
        aria-label={isCloser ? "Looking closer" : "Seen"}
      >
        <IconButton command={closer} />
      </span>
      {isEnabled(addTo.id) && <IconButton command={addTo} />}
      {isEnabled(takeFrom.id) && <IconButton command={takeFrom} />}
      <MenuTrigger>
        <Button className="icon-button" aria-label="More for this mask">
          <Ellipsis aria-hidden />
        </Button>
        <Popover className="popover" placement="top">
          <Menu
            className="menu"
            aria-label="More for this mask"
            onAction={(id) => commands.find((each) => each.id === id)?.run()}
          >
            {commands
              .filter(({ group, id }) => group === "Mask" && !IN_THE_BAR.includes(id))
              .map((each) => commandItem(each))}
          </Menu>
        </Popover>
      </MenuTrigger>
    </section>
  );
}

/** Moves the bar, where it covers the place of the next click; a double click takes it back. */
function Grip({
  put,
  setPut,
}: {
  readonly put: typeof FIRST_PLACE;
  readonly setPut: (put: typeof FIRST_PLACE) => void;
}) {
  const from = useRef<typeof FIRST_PLACE | null>(null);
  return (
    <button
      type="button"
      className="grip"
      aria-label="Move this bar"
      title="Drag to move this bar; a double click takes it back"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = { x: event.clientX - put.x, y: event.clientY - put.y };
      }}
      onPointerMove={({ clientX, clientY }) => {
        if (from.current) setPut({ x: clientX - from.current.x, y: clientY - from.current.y });
      }}
      onPointerUp={() => {
        from.current = null;
      }}
      onDoubleClick={() => setPut(FIRST_PLACE)}
      onKeyDown={(event) => {
        const step = STEPS[event.key];
        if (!step) return;
        event.preventDefault();
        setPut({ x: put.x + step[0], y: put.y + step[1] });
      }}
    >
      <GripVertical aria-hidden />
    </button>
  );
}

function Candidate({
  answer,
  index,
  color,
}: {
  readonly answer: Answer;
  readonly index: number;
  readonly color: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { result } = answer;
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context) return;
    const { data, side } = logitsOf({ result, chosen: 0 }, index);
    element.width = side;
    element.height = Math.max(1, Math.round((side * result.height) / result.width));
    const pixels = context.createImageData(side, element.height);
    const channels = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) || 0);
    for (let y = 0; y < element.height; y++) {
      const row = Math.floor((y / element.height) * side) * side;
      for (let x = 0; x < side; x++) {
        if ((data[row + x] as number) > 0) pixels.data.set([...channels, 255], 4 * (y * side + x));
      }
    }
    context.putImageData(pixels, 0, 0);
  }, [result, index, color]);
  const score = scoreOf(answer, index).toFixed(2);
  const name = `Candidate ${index + 1}, score ${score}`;
  return (
    <TooltipTrigger delay={500}>
      <ToggleButton id={index} aria-label={name}>
        <canvas ref={canvas} />
        <span>{score}</span>
      </ToggleButton>
      <Tip name={name} placement="top" />
    </TooltipTrigger>
  );
}
