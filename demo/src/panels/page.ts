/** What every panel is given: what is viewed, the shell, and the commands. */
import { createContext, useContext, useSyncExternalStore } from "react";
import type { Viewed } from "../view/viewed.ts";
import type { Observable } from "../workspace/observable.ts";
import { type Command, isEnabled } from "./commands.ts";
import type { Shell } from "./shell.ts";

/** See the fields. */
export interface Page extends Viewed {
  readonly shell: Observable<Shell>;
  readonly commands: readonly Command[];
}

/** Provides the page. */
export const PageContext: React.Context<Page | null> = createContext<Page | null>(null);

/** The page. @throws Error outside of its provider */
export function usePage(): Page {
  const page = useContext(PageContext);
  if (!page) throw new Error("expected a PageContext around this component");
  return page;
}

/** A part of the shell's state; the component is drawn again when that part is another. */
export function useShell<T>(select: (shell: Shell) => T): T {
  const { shell } = usePage();
  return useSyncExternalStore(shell.subscribe, () => select(shell.get()));
}

/** Tells which commands can be done now; the component is drawn again when these are others. */
export function useEnabled(): (id: string) => boolean {
  const { commands, workspace } = usePage();
  const { state } = workspace;
  // as text, which is the same when the commands are
  const ids = useSyncExternalStore(state.subscribe, () =>
    commands
      .filter((command) => isEnabled(command, state.get()))
      .map(({ id }) => id)
      .join("\n"),
  );
  const enabled = new Set(ids.split("\n"));
  return (id) => enabled.has(id);
}

/** A command by its id. @throws Error when there is none */
export function useCommand(id: string): Command {
  const found = usePage().commands.find((each) => each.id === id);
  if (!found) throw new Error(`expected a command, got ${id}`);
  return found;
}
