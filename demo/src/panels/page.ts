/** What every panel is given: what is viewed, the shell, and the commands. */
import { createContext, useContext, useSyncExternalStore } from "react";
import type { Viewed } from "../view/viewed.ts";
import type { Observable } from "../workspace/observable.ts";
import type { Command } from "./commands.ts";
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
