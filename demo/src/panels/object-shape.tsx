/** What can be done to the shape of the selected object, as buttons under its row. */
import { useWorkspace } from "../view/viewed.ts";
import { objectsOf, othersOf } from "../workspace/state.ts";
import { IconButton } from "./icon-button.tsx";
import { NumberInput } from "./number-input.tsx";
import { usePage } from "./page.ts";

/** Pixels of the picture. */
const FARTHEST = 200;

/** See the file. */
export function ObjectShape() {
  const { commands, workspace } = usePage();
  const shown = (...ids: readonly string[]) =>
    commands.filter(({ id }) => ids.includes(id)).map((command) => <IconButton key={command.id} command={command} />);
  const reach = useWorkspace(({ options }) => options.reach);
  const isAlone = useWorkspace((state) => objectsOf(state).length > 1 && othersOf(state).length === 0);
  return (
    <fieldset className="shape" aria-label="Shape of the object">
      {/* what changes its outline, then what makes other objects of it */}
      <div>
        {shown("fill", "smooth", "grow", "shrink")}
        <span>by</span>
        {/* biome-ignore lint/a11y/noLabelWithoutControl: the input is in NumberInput */}
        <label>
          <NumberInput
            name="Pixels to smooth, grow or shrink by"
            min={1}
            max={FARTHEST}
            step={1}
            value={reach}
            onChange={(pixels) => workspace.setOptions({ reach: Math.round(pixels) })}
          />
          px
        </label>
      </div>
      <div>{shown("split", "merge", "subtract", "copy")}</div>
      {isAlone && <small>To merge or subtract, select another object too.</small>}
    </fieldset>
  );
}
