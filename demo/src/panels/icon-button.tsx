/** A button with an icon, whose tooltip says its name and its key. */
import { Button, Tooltip, TooltipTrigger } from "react-aria-components";
import { useWorkspace } from "../view/viewed.ts";
import { type Command, isEnabled } from "./commands.ts";
import { shownKey } from "./keys.ts";
import { usePage } from "./page.ts";

/** A key, as it is printed on a keyboard. */
export function KeyHint({ keys }: { readonly keys: string }) {
  return (
    <kbd className="key-hint" aria-hidden>
      {shownKey(keys)}
    </kbd>
  );
}

/** Does a command. */
export function IconButton({
  command,
  placement = "top",
}: {
  readonly command: Command;
  readonly placement?: "top" | "right" | "bottom" | "left";
}) {
  const { view } = usePage();
  const isOn = useWorkspace((state) => isEnabled(command, state));
  const { name, icon: Icon, keys, run, group } = command;
  return (
    <TooltipTrigger delay={500}>
      <Button
        className="icon-button"
        aria-label={name.replace(/…$/, "")}
        isDisabled={!isOn}
        onPress={(event) => {
          run();
          // with a mouse, the picture is what the next key is for
          if (event.pointerType !== "keyboard" && group !== "Page")
            view.current?.element.focus({ preventScroll: true });
        }}
      >
        <Icon aria-hidden />
      </Button>
      <Tip name={name} keys={keys?.[0]} placement={placement} />
    </TooltipTrigger>
  );
}

/** A tooltip with a name and a key. */
export function Tip({
  name,
  keys,
  placement,
}: {
  readonly name: string;
  readonly keys?: string | undefined;
  readonly placement: "top" | "right" | "bottom" | "left";
}) {
  return (
    <Tooltip className="tooltip" placement={placement}>
      {name.replace(/…$/, "")} {keys && <KeyHint keys={keys} />}
    </Tooltip>
  );
}
