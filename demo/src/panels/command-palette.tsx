/** Every command, by its name. */
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
import { KeyHint } from "./icon-button.tsx";
import { usePage } from "./page.ts";

/** For what scrolls. */
const SCROLLED = { tabIndex: 0 };

/** See the file. */
export function CommandPalette({ close }: { readonly close: () => void }) {
  const { commands, workspace } = usePage();
  const state = useWorkspace((whole) => whole);
  const { contains } = useFilter({ sensitivity: "base" });
  const possible = commands.filter((command) => command.id !== "commands" && isEnabled(command, state));
  const classes = state.project.classes.map(({ name }) => ({ id: `class ${name}`, name: `Class: ${name}` }));
  return (
    <ModalOverlay className="overlay is-high" isOpen isDismissable onOpenChange={(isOpen) => isOpen || close()}>
      <Modal className="modal is-small">
        <Dialog className="dialog palette" aria-label="All commands">
          <Autocomplete filter={contains}>
            <SearchField aria-label="Search the commands" autoFocus>
              <Input placeholder="What do you want to do?" />
            </SearchField>
            {/* the search keeps the focus; what scrolls can be reached all the same */}
            <section className="palette-list" aria-label="Commands" {...SCROLLED}>
              <Menu
                className="menu"
                aria-label="Commands"
                renderEmptyState={() => <p className="hint">There is no such command.</p>}
                onAction={(id) => {
                  close();
                  const command = possible.find((each) => each.id === id);
                  if (command) command.run();
                  else workspace.set.chooseClass(String(id).slice("class ".length));
                }}
              >
                {possible.map(({ id, name, icon: Icon, keys, group }) => (
                  <MenuItem key={id} id={id} textValue={`${name} ${group}`}>
                    <Icon aria-hidden />
                    <span>{name}</span>
                    <small>{group}</small>
                    {keys?.[0] && <KeyHint keys={keys[0]} />}
                  </MenuItem>
                ))}
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
