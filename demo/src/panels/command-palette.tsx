/** Every command, by its name. */
import { useRef } from "react";
import {
  Autocomplete,
  Dialog,
  Input,
  Menu,
  MenuItem,
  Modal,
  ModalOverlay,
  SearchField,
  useFilter,
} from "react-aria-components";
import { useWorkspace } from "../view/viewed.ts";
import { isEnabled } from "./commands.ts";
import { commandItem } from "./icon-button.tsx";
import { usePage } from "./page.ts";

/** For what scrolls. */
const SCROLLED = { tabIndex: 0 };

/** See the file. */
export function CommandPalette({ close }: { readonly close: () => void }) {
  const { commands, workspace } = usePage();
  const state = useWorkspace((whole) => whole);
  const { contains } = useFilter({ sensitivity: "base" });
  const input = useRef<HTMLInputElement>(null);
  const isDone = useRef(false);
  const possible = commands.filter((command) => command.id !== "commands" && isEnabled(command, state));
  const classes = state.project.classes.map(({ name }) => ({ id: `class ${name}`, name: `Class: ${name}` }));
  const run = (id: string): void => {
    // Enter may come by two ways: from the list, and from the search
    if (isDone.current) return;
    isDone.current = true;
    close();
    const command = possible.find((each) => each.id === id);
    if (command) command.run();
    else workspace.set.chooseClass(id.slice("class ".length));
  };
  /** A quick typist's Enter comes before the list has followed: the first match runs, unless one of them is active. */
  const runFirst = (): void => {
    // what is in the field may be newer than what React knows
    const sought = input.current?.value ?? "";
    const active = document.getElementById(input.current?.getAttribute("aria-activedescendant") ?? "")?.dataset.key;
    const matches = [
      ...possible.filter(({ name, group }) => contains(`${name} ${group}`, sought)),
      ...classes.filter(({ name }) => contains(name, sought)),
    ];
    const [first] = matches;
    if (sought !== "" && first && !matches.some(({ id }) => id === active)) run(first.id);
  };
  return (
    <ModalOverlay className="overlay is-high" isOpen isDismissable onOpenChange={(isOpen) => isOpen || close()}>
      <Modal className="modal is-small">
        <Dialog className="dialog palette" aria-label="All commands">
          <Autocomplete filter={contains}>
            <SearchField aria-label="Search the commands" autoFocus onSubmit={runFirst}>
              <Input ref={input} placeholder="What do you want to do?" />
            </SearchField>
            {/* the search keeps the focus; what scrolls can be reached all the same */}
            <section className="palette-list" aria-label="Commands" {...SCROLLED}>
              <Menu
                className="menu"
                aria-label="Commands"
                renderEmptyState={() => <p className="hint">There is no such command.</p>}
                onAction={(id) => run(String(id))}
              >
                {possible.map((command) => commandItem(command, command.group))}
                {classes.map(({ id, name }) => (
                  <MenuItem key={id} id={id} textValue={name}>
                    <span className="swatch" />
                    <span>{name}</span>
                  </MenuItem>
                ))}
              </Menu>
            </section>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
