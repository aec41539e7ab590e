/** Over the picture while a tool for the hand is chosen: what it does, and how large. */
import { Magnet } from "lucide-react";
import { useLayoutEffect, useMemo, useRef } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { useWorkspace } from "../view/viewed.ts";
import { editedOf, HAND_TOOLS, type Options, type Tool } from "../workspace/state.ts";
import { LARGEST_BRUSH } from "./commands.ts";
import { IconButton } from "./icon-button.tsx";
import { NumberInput } from "./number-input.tsx";
import { usePage } from "./page.ts";

/** Nothing while a tool for the model is chosen. */
export function ToolBar() {
  const { commands, workspace, view } = usePage();
  const tool = useWorkspace((state) => state.tool);
  const isSeen = useWorkspace(({ size }) => size !== null);
  const isShown = HAND_TOOLS.includes(tool) && isSeen;
  const bar = useRef<HTMLElement>(null);
  // what lies under the bar could not be painted: the picture is fitted below it
  useLayoutEffect(() => {
    const [element, picture] = [bar.current, view.current];
    if (!isShown || !element || !picture) return;
    const observer = new ResizeObserver(() => {
      picture.roomAbove = element.offsetTop + element.offsetHeight;
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      picture.roomAbove = 0;
    };
  }, [isShown, view]);
  if (!isShown) return null;
  return (
    <section ref={bar} className="tool-bar" aria-label="The tool">
      <ToggleButtonGroup
        className="hand-tools"
        aria-label="Tools by hand"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[tool]}
        onSelectionChange={([chosen]) => chosen !== undefined && workspace.chooseTool(chosen as Tool)}
      >
        {commands
          .filter((each) => each.tool && HAND_TOOLS.includes(each.tool))
          .map(({ id, name, icon: Icon }) => (
            <ToggleButton key={id} id={id} className="icon-button" aria-label={`${name}, by hand`}>
              <Icon aria-hidden />
            </ToggleButton>
          ))}
      </ToggleButtonGroup>
      <Target />
      {(tool === "paint" || tool === "erase") && (
        <>
          <Amount name="Brush" option="brush" least={1} most={LARGEST_BRUSH} step={1} />
          <Amount name="Feather" option="feather" unit="percent" least={0} most={100} step={5} />
        </>
      )}
      {(tool === "paint" || tool === "outline") && <Join />}
      {tool === "select" && <SelectionActions />}
      {tool === "outline" && <OutlineMode />}
      {tool === "corners" && <Corners />}
    </section>
  );
}

/** What the tool changes. */
function Target() {
  const edited = useWorkspace(editedOf);
  const selected = useWorkspace((state) => state.selected);
  const others = useWorkspace((state) => state.others.length);
  const tool = useWorkspace((state) => state.tool);
  const className = useWorkspace((state) => state.className);
  const classes = useWorkspace(({ project }) => project.classes);
  const makes = tool === "paint" || tool === "outline";
  if (others > 0) return <span className="target">{others + 1} objects</span>;
  const name = edited
    ? edited.name || edited.className
    : selected !== null
      ? "Locked"
      : makes
        ? `New ${className}`
        : null;
  const color = classes.find((each) => each.name === (edited?.className ?? className))?.color;
  return (
    <span className="target">
      {name !== null && <span className="swatch" style={{ background: color }} />}
      {name ?? "Click an object"}
    </span>
  );
}

/** Whether the edges of neighbors are joined. */
function Join() {
  const { workspace } = usePage();
  const isOn = useWorkspace(({ options }) => options.join);
  return (
    <ToggleButton className="quiet join" isSelected={isOn} onChange={(join) => workspace.setOptions({ join })}>
      <Magnet aria-hidden /> Join
    </ToggleButton>
  );
}

/** What can be done to the selected objects. */
function SelectionActions() {
  const { commands } = usePage();
  const isNone = useWorkspace((state) => state.selected === null);
  if (isNone) return <span className="advice">Click, or draw a line around several</span>;
  return (
    <span className="selection-actions">
      {commands
        .filter(({ id }) => ["merge", "agree", "hide", "delete object"].includes(id))
        .map((command) => (
          <IconButton key={command.id} command={command} />
        ))}
    </span>
  );
}

/** A number of pixels, set with a slider or exactly. */
function Amount({
  name,
  option,
  unit = "pixels",
  least,
  most,
  step,
}: {
  readonly name: string;
  readonly option: "brush" | "tolerance" | "feather";
  readonly unit?: "pixels" | "percent";
  readonly least: number;
  readonly most: number;
  readonly step: number;
}) {
  const { workspace } = usePage();
  const value = useWorkspace(({ options }) => options[option]);
  // small sizes are told apart finer than large ones
  const toShare = (size: number): number => Math.sqrt((size - least) / (most - least));
  const set = (size: number): void => workspace.setOptions({ [option]: size } as Partial<Options>);
  return (
    <span className={`amount is-${option}`}>
      <span>{name}</span>
      <input
        type="range"
        aria-label={name}
        aria-valuetext={`${value} ${unit}`}
        min={0}
        max={1}
        step={0.005}
        value={toShare(value)}
        onChange={({ target }) => set(Math.round((least + target.valueAsNumber ** 2 * (most - least)) / step) * step)}
      />
      <NumberInput name={`${name}, ${unit}`} min={least} max={most} step={step} value={value} onChange={set} />
    </span>
  );
}

function OutlineMode() {
  const { workspace } = usePage();
  const mode = useWorkspace(({ options }) => options.outline);
  const drawn = useWorkspace((state) => state.drawn.length);
  return (
    <>
      <ToggleButtonGroup
        className="segments"
        aria-label="What an outline does"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[mode]}
        onSelectionChange={([chosen]) => workspace.setOptions({ outline: chosen as Options["outline"] })}
      >
        <ToggleButton id="add">Add</ToggleButton>
        <ToggleButton id="subtract">Subtract</ToggleButton>
      </ToggleButtonGroup>
      {drawn === 0 ? (
        <span className="advice">Click corners, or drag</span>
      ) : (
        <Button isDisabled={drawn < 3} onPress={() => workspace.editing.closeOutline()}>
          Close the outline
        </Button>
      )}
    </>
  );
}

function Corners() {
  const { workspace } = usePage();
  const edited = useWorkspace(editedOf);
  const tolerance = useWorkspace(({ options }) => options.tolerance);
  // biome-ignore lint/correctness/useExhaustiveDependencies: these two are what it is computed from
  const simplicity = useMemo(() => workspace.editing.simplicity, [edited?.rle, tolerance, workspace]);
  if (!simplicity) return null;
  const { corners, iou } = simplicity;
  return (
    <>
      <Amount name="Simplify" option="tolerance" least={0} most={20} step={0.5} />
      <span className="advice" role="status" aria-label="Corners">
        {corners} corners, IoU {iou.toFixed(3)}
      </span>
      <Button isDisabled={iou === 1} onPress={() => workspace.editing.simplify()}>
        Apply
      </Button>
    </>
  );
}
