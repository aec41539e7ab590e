/** What every panel is given: the workspace, the shell, the picture's view, and the commands. */

import { createContext, useContext, useSyncExternalStore } from "react";
import type { PictureView } from "sam2-canvas";
import type { Observable } from "../workspace/observable.ts";
import type { State } from "../workspace/state.ts";
import type { Workspace } from "../workspace/workspace.ts";
import type { Command } from "./commands.ts";
import type { Shell } from "./shell.ts";

/** See the fields. */
export interface Page {
  readonly workspace: Workspace;
  readonly shell: Observable<Shell>;
  /** The view of the picture, once it is there. */
  readonly view: { current: PictureView | null };
  readonly commands: readonly Command[];
}

/** Provides the page. */
export const PageContext = createContext<Page | null>(null);

/** The page. @throws Error outside of its provider */
export function usePage(): Page {
  const page = useContext(PageContext);
  if (!page) throw new Error("expected a PageContext around this component");
  return page;
}

/** A part of the workspace's state; the component is drawn again when that part is another. */
export function useWorkspace<T>(select: (state: State) => T): T {
  const { state } = usePage().workspace;
  return useSyncExternalStore(state.subscribe, () => select(state.get()));
}

/** A part of the shell's state. */
export function useShell<T>(select: (shell: Shell) => T): T {
  const { shell } = usePage();
  return useSyncExternalStore(shell.subscribe, () => select(shell.get()));
}
