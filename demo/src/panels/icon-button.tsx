/** A command as a button, whose tooltip says its name and its key, and as an entry of a menu. */
import type { LucideIcon } from "lucide-react";
import { Button, MenuItem, Tooltip, TooltipTrigger } from "react-aria-components";
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

/** A command in a menu, whose entries are found by their ids; `note` says more about it, and is searched too. */
export function commandItem({ id, name, icon: Icon, keys }: Command, note?: string) {
  return (
    <MenuItem key={id} id={id} textValue={note === undefined ? name : `${name} ${note}`}>
      <Icon aria-hidden />
      <span>{name}</span>
      {note !== undefined && <small>{note}</small>}
      {keys?.[0] && <KeyHint keys={keys[0]} />}
    </MenuItem>
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

/** A small button of a row: what it does is done to that row, and so it is no command. */
export function RowButton({
  name,
  icon: Icon,
  isDisabled = false,
  isPressed,
  onPress,
}: {
  readonly name: string;
  readonly icon: LucideIcon;
  readonly isDisabled?: boolean;
  /** Of a button that stays pressed: whether it is. */
  readonly isPressed?: boolean;
  onPress(): void;
}) {
  return (
    <TooltipTrigger delay={500}>
      <Button
        className="icon-button small"
        aria-label={name}
        isDisabled={isDisabled}
        onPress={onPress}
        {...(isPressed === undefined ? {} : { "aria-pressed": isPressed })}
      >
        <Icon aria-hidden />
      </Button>
      <Tip name={name} placement="top" />
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
