/** The classes, with the keys that choose them. The chosen one is that of the next object. */
import { BringToFront, Pencil, Plus, ShieldCheck, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import { Button, Dialog, DialogTrigger, Input, Popover, TextField } from "react-aria-components";
import type { ObjectClass, Overlap } from "../labels/annotations.ts";
import { useWorkspace } from "../view/viewed.ts";
import { usePage } from "./page.ts";

/** See the file. */
export function ClassList() {
  const { workspace } = usePage();
  const classes = useWorkspace(({ project }) => project.classes);
  const className = useWorkspace((state) => state.className);
  const [wanted, setWanted] = useState("");
  return (
    <section className="classes" aria-label="Classes">
      <h2>Classes</h2>
      <ul>
        {classes.map((each, index) => (
          <li key={each.name} className={each.name === className ? "is-chosen" : ""}>
            <button
              type="button"
              className="class-choice"
              aria-pressed={each.name === className}
              aria-label={`Class ${each.name}${each.overlap ? `, ${each.overlap}` : ""}`}
              onClick={() => workspace.chooseClass(index)}
            >
              <span className="swatch" style={{ background: each.color }} />
              <span className="class-name">{each.name}</span>
              {each.overlap === "protected" && <ShieldCheck className="rule" aria-hidden />}
              {each.overlap === "gives way" && <BringToFront className="rule" aria-hidden />}
              {index < 9 && <kbd className="key-hint">{index + 1}</kbd>}
            </button>
            <ClassEditor each={each} isOnly={classes.length < 2} />
          </li>
        ))}
      </ul>
      <form
        className="new-class"
        onSubmit={(event) => {
          event.preventDefault();
          const name = wanted.trim();
          setWanted("");
          if (name !== "") workspace.set.chooseClass(name);
        }}
      >
        <Plus aria-hidden />
        <input
          aria-label="Name of a new class"
          placeholder="New class"
          autoComplete="off"
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
        {wanted.trim() !== "" && (
          <button type="submit" className="quiet">
            Add class
          </button>
        )}
      </form>
    </section>
  );
}

function ClassEditor({ each, isOnly }: { readonly each: ObjectClass; readonly isOnly: boolean }) {
  const { workspace } = usePage();
  const { name, color, overlap } = each;
  const input = useRef<HTMLInputElement>(null);
  return (
    <DialogTrigger>
      <Button className="icon-button small" aria-label={`Edit the class ${name}`}>
        <Pencil aria-hidden />
      </Button>
      <Popover className="popover" placement="left top">
        <Dialog className="class-editor" aria-label={`The class ${name}`}>
          {({ close }) => (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                const to = input.current?.value.trim() ?? "";
                close();
                if (to !== "") void workspace.set.renameClass(name, to);
              }}
            >
              <TextField aria-label="Name of the class" defaultValue={name} autoFocus>
                <Input ref={input} autoComplete="off" />
              </TextField>
              <input
                type="color"
                aria-label="Color of the class"
                defaultValue={color}
                onBlur={({ target }) => target.value !== color && workspace.set.recolorClass(name, target.value)}
              />
              <Button type="submit" className="primary">
                Rename
              </Button>
              <Button
                className="icon-button"
                aria-label="Delete the class"
                isDisabled={isOnly}
                onPress={() => {
                  close();
                  workspace.set.deleteClass(name);
                }}
              >
                <Trash2 aria-hidden />
              </Button>
              <label className="overlap">
                Where it overlaps others
                <select
                  value={overlap ?? ""}
                  onChange={({ target }) => {
                    const rule = target.value === "" ? undefined : (target.value as Overlap);
                    workspace.set.ruleClass(name, rule);
                  }}
                >
                  <option value="">both have the pixels</option>
                  <option value="protected">it is protected</option>
                  <option value="gives way">it gives way</option>
                </select>
              </label>
            </form>
          )}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
