/** The tools: a slim rail beside the picture, at the foot of a phone's screen. */
import { Layers } from "lucide-react";
import { Button, ToggleButton, ToggleButtonGroup, TooltipTrigger } from "react-aria-components";
import { useWorkspace } from "../view/viewed.ts";
import { objectsOf, type Tool } from "../workspace/state.ts";
import { IconButton, Tip } from "./icon-button.tsx";
import { useCommand, useEnabled, usePage, useShell } from "./page.ts";

/** Commands of the rail besides the tools. */
const BELOW = ["options", "keys"];

/** See the file. */
export function Rail() {
  const { workspace, commands, view, shell } = usePage();
  const isEnabled = useEnabled();
  const chosen = useWorkspace(({ tool }) => tool);
  const isPanelOpen = useShell((each) => each.isPanelOpen);
  const count = useWorkspace((state) => objectsOf(state).length);
  return (
    <nav className="rail" aria-label="Tools" data-tool={chosen}>
      <ToggleButtonGroup
        className="tools"
        aria-label="What a click does"
        selectionMode="single"
        disallowEmptySelection
        selectedKeys={[chosen]}
        onSelectionChange={(keys) => {
          const [tool] = keys;
          if (tool !== undefined) workspace.chooseTool(tool as Tool);
        }}
      >
        {commands
          .filter(({ tool }) => tool !== undefined)
          .map(({ id, name, icon: Icon, keys }) => {
            return (
              <TooltipTrigger key={id} delay={500}>
                <ToggleButton
                  id={id}
                  className={`icon-button tool-${id}`}
                  aria-label={name}
                  isDisabled={!isEnabled(id)}
                  onPress={({ pointerType }) => {
                    if (pointerType !== "keyboard") view.current?.element.focus({ preventScroll: true });
                  }}
                >
                  <Icon aria-hidden />
                  <span className="tool-name" aria-hidden>
                    {name}
                  </span>
                </ToggleButton>
                <Tip name={name} keys={keys?.[0]} placement="right" />
              </TooltipTrigger>
            );
          })}
      </ToggleButtonGroup>
      <IconButton command={useCommand("everything")} placement="right" />
      <Button
        className="icon-button panel-toggle"
        aria-label={`Objects and pictures, ${count}`}
        aria-expanded={isPanelOpen}
        onPress={() => shell.update({ isPanelOpen: !isPanelOpen })}
      >
        <Layers aria-hidden />
        <span className="tool-name" aria-hidden>
          Objects
        </span>
        {count > 0 && (
          <span className="badge" aria-hidden>
            {count}
          </span>
        )}
      </Button>
      <div className="rail-end">
        {commands
          .filter(({ id }) => BELOW.includes(id))
          .map((command) => (
            <IconButton key={command.id} command={command} placement="right" />
          ))}
      </div>
    </nav>
  );
}
