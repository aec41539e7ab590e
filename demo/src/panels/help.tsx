/** The keys, and how the page works in a few lines. */
import { GROUPS } from "./commands.ts";
import { shownKey } from "./keys.ts";
import { usePage } from "./page.ts";
import { Sheet } from "./sheet.tsx";

/** What the pointer and fingers do. */
const GESTURES: readonly (readonly [string, string])[] = [
  ["Click", "what is there belongs to the object"],
  ["Right click, Alt click", "what is there does not"],
  ["Drag", "a box around the object; with Paint and Erase, a stroke; with Outline, a line around the thing"],
  ["Corners: drag, click, right click", "moves a corner, adds one on a line, removes one"],
  ["Select: click, drag a line around", "selects an object, or those inside; with the right button, more of them"],
  ["Shift and click in the list", "selects one more object"],
  ["1 … 9, Delete, U, Y, H with several selected", "their class; deletes, merges, agrees to, hides them, in one step"],
  [
    "Feather",
    "the brush's outer part takes only what looks like what is under its middle, and so ends at edges that are seen",
  ],
  ["The pencil of a class", "its name and color, and whether it is protected or gives way where it overlaps others"],
  [
    "Join",
    "what is painted or outlined ends at other objects, and leaves no gap that is narrower than 8 pixels of the screen",
  ],
  ["Wheel, pinch", "zoom"],
  ["Space and drag, two fingers", "move the picture"],
  ["1 … 9", "the class of the next object"],
  ["Arrows, then Enter", "a crosshair instead of the pointer; . and , add and remove at it"],
];

/** See the file. */
export function Help({ close }: { readonly close: () => void }) {
  const { commands } = usePage();
  return (
    <Sheet title="Keys and help" close={close} size="wide">
      <div className="help">
        <section>
          <h3>On the picture</h3>
          <dl>
            {GESTURES.map(([gesture, what]) => (
              <div key={gesture}>
                <dt>{gesture}</dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
        {GROUPS.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {commands
                .filter(({ keys, group: of }) => keys && of === group)
                .map(({ id, name, keys }) => (
                  <div key={id}>
                    <dt>
                      {keys?.map((key) => (
                        <kbd className="key-hint" key={key}>
                          {shownKey(key)}
                        </kbd>
                      ))}
                    </dt>
                    <dd>{name.replace(/…$/, "")}</dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
    </Sheet>
  );
}
