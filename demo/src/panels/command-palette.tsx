/** Every command, by its name. */
import { useRef, useState } from "react";
import { Autocomplete, Dialog, Input, Menu, MenuItem, Modal, ModalOverlay, SearchField } from "react-aria-components";
import { useWorkspace } from "../view/viewed.ts";
import { isEnabled } from "./commands.ts";
import { commandItem } from "./icon-button.tsx";
import { usePage } from "./page.ts";
import { found } from "./search.ts";

/** For what scrolls. */
const SCROLLED = { tabIndex: 0 };

/** See the file. */
export function CommandPalette({ close }: { readonly close: () => void }) {
  const { commands, workspace } = usePage();
  const state = useWorkspace((whole) => whole);
  const [text, setText] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const isDone = useRef(false);
  const possible = commands.filter((command) => command.id !== "commands" && isEnabled(command, state));
  const entries = [
    ...possible.map((command) => ({
      id: command.id,
      name: command.name,
      words: `${command.group} ${command.words ?? ""}`,
      item: commandItem(command, command.group),
    })),
    ...state.project.classes.map(({ name, color }) => classItem(name, color)),
  ];
  const run = (id: string): void => {
    // Enter may come by two ways: from the list, and from the search
    if (isDone.current) return;
    isDone.current = true;
    close();
    const command = possible.find((each) => each.id === id);
    if (command) command.run();
    else workspace.chooseClass(state.project.classes.findIndex(({ name }) => `class ${name}` === id));
  };
  /** A quick typist's Enter comes before the list has followed: the first match runs, unless one of them is active. */
  const runFirst = (): void => {
    // what is in the field may be newer than what React knows
    const sought = input.current?.value ?? "";
    const active = document.getElementById(input.current?.getAttribute("aria-activedescendant") ?? "")?.dataset.key;
    const matches = found(entries, sought);
    const [first] = matches;
    if (sought !== "" && first && !matches.some(({ id }) => id === active)) run(first.id);
  };
  return (
    <ModalOverlay className="overlay is-high" isOpen isDismissable onOpenChange={(isOpen) => isOpen || close()}>
      <Modal className="modal is-small">
        <Dialog className="dialog palette" aria-label="All commands">
          <Autocomplete inputValue={text} onInputChange={setText}>
            <SearchField aria-label="Search the commands" autoFocus onSubmit={runFirst} onClear={close}>
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
                {found(entries, text).map(({ item }) => item)}
              </Menu>
            </section>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** A class, which becomes that of the next object. */
function classItem(className: string, color: string) {
  const [id, name] = [`class ${className}`, `Class: ${className}`];
  const item = (
    <MenuItem key={id} id={id} textValue={name}>
      <span className="swatch" style={{ background: color }} />
      <span>{name}</span>
    </MenuItem>
  );
  return { id, name, words: "", item };
}
