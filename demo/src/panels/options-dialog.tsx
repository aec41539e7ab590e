/** What the person can set. */

import { useWorkspace } from "../view/viewed.ts";
import { type Options, REST } from "../workspace/state.ts";
import { NumberInput } from "./number-input.tsx";
import { usePage } from "./page.ts";
import { Sheet } from "./sheet.tsx";

/** The options that are numbers: name, key, and what an input takes. */
const NUMBERS: readonly (readonly [string, keyof Options, { min: number; max: number; step: number }])[] = [
  ["Points along a side", "pointsPerSide", { min: 1, max: 64, step: 1 }],
  ["Least score", "leastScore", { min: 0, max: 1, step: 0.05 }],
  ["Least stability", "leastStability", { min: 0, max: 1, step: 0.05 }],
  ["Drop specks under, pixels", "smallestRegion", { min: 0, max: 1e6, step: 50 }],
];

/** See the file. */
export function OptionsDialog({ close }: { readonly close: () => void }) {
  const { workspace } = usePage();
  const options = useWorkspace((state) => state.options);
  const set = (part: Partial<Options>): void => workspace.setOptions(part);
  return (
    <Sheet title="Options" close={close}>
      <div className="options">
        <h3>Masks</h3>
        <label>
          <span>Refine the mask with each click</span>
          <input type="checkbox" checked={options.refine} onChange={({ target }) => set({ refine: target.checked })} />
        </label>
        <label>
          <span>Drop specks, fill small holes</span>
          <input type="checkbox" checked={options.settle} onChange={({ target }) => set({ settle: target.checked })} />
        </label>
        <label>
          <span>Look closer at small things when the pointer rests</span>
          <input
            type="checkbox"
            checked={options.rest !== null}
            onChange={({ target }) => set({ rest: target.checked ? REST : null })}
          />
        </label>
        <label>
          <span>Opacity</span>
          <input
            type="range"
            min={0}
            max={1}
            step={0.05}
            value={options.opacity}
            onChange={({ target }) => set({ opacity: target.valueAsNumber })}
          />
        </label>
        <h3>Find everything</h3>
        {NUMBERS.map(([name, key, limits]) => (
          // biome-ignore lint/a11y/noLabelWithoutControl: the input is in NumberInput
          <label key={key}>
            <span>{name}</span>
            <NumberInput
              {...limits}
              value={options[key] as number}
              onChange={(value) => set({ [key]: limits.step === 1 ? Math.round(value) : value })}
            />
          </label>
        ))}
      </div>
    </Sheet>
  );
}
