/** What the set holds, in numbers and bars; its states choose what the strip shows. */
import { useEffect, useMemo } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { counted } from "../labels/counted.ts";
import { overviewOf, type ReviewState } from "../labels/review.ts";
import { useWorkspace } from "../view/viewed.ts";
import { usePage, useShell } from "./page.ts";
import { Sheet } from "./sheet.tsx";

const STATES: readonly (readonly [ReviewState, string])[] = [
  ["to do", "To do"],
  ["needs a look", "Need a look"],
  ["done", "Done"],
];

/** See the file. */
export function Overview({ close }: { readonly close: () => void }) {
  const { shell, workspace } = usePage();
  const project = useWorkspace((state) => state.project);
  const shown = useShell((each) => each.shown);
  useEffect(() => workspace.set.keepTime(), [workspace]);
  const overview = useMemo(() => overviewOf(project), [project]);
  const { states, objects, unchecked, classes, sizes, seconds, medianSeconds } = overview;
  return (
    <Sheet title="Overview" close={close} size="wide">
      <ToggleButtonGroup
        className="states"
        aria-label="Pictures in the strip"
        selectionMode="single"
        selectedKeys={[shown ?? "all"]}
        onSelectionChange={([state = "all"]) => {
          shell.update({ shown: state === "all" ? null : (state as ReviewState) });
        }}
      >
        <ToggleButton id="all">
          <b>{project.images.length}</b> All pictures
        </ToggleButton>
        {STATES.map(([state, name]) => (
          <ToggleButton key={state} id={state} className={`state-${state.replaceAll(" ", "-")}`}>
            <b>{states[state]}</b> {name}
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      <div className="charts">
        <Bars title={`${counted(objects, "object")}, by class`} bars={classes} />
        <Bars title="By size, shares of the picture" bars={sizes} />
        <section>
          <h3>Time spent</h3>
          <p className="figure">
            <b>{inMinutes(seconds)}</b> in all, median <b>{inMinutes(medianSeconds)}</b> a picture
          </p>
          <h3>Review</h3>
          <p className="figure">
            <b>{unchecked}</b> {unchecked === 1 ? "object waits" : "objects wait"} for your look
          </p>
          <Button
            isDisabled={unchecked === 0}
            onPress={() => {
              close();
              workspace.reviewing.next();
            }}
          >
            Look at the most doubtful
          </Button>
        </section>
      </div>
    </Sheet>
  );
}

function Bars({
  title,
  bars,
}: {
  readonly title: string;
  readonly bars: readonly { readonly name: string; readonly color?: string; readonly count: number }[];
}) {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  return (
    <section>
      <h3>{title}</h3>
      <dl className="bars">
        {bars.map(({ name, color, count }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span className="bar" style={{ width: `${(70 * count) / most}%`, background: color }} /> {count}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Seconds as people say them. */
function inMinutes(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
