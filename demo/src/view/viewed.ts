/** The workspace that is viewed, and the view of its picture. */

import { createContext, useContext, useSyncExternalStore } from "react";
import type { PictureView } from "sam2-canvas";
import type { State } from "../workspace/state.ts";
import type { Workspace } from "../workspace/workspace.ts";

/** See the fields. */
export interface Viewed {
  readonly workspace: Workspace;
  /** The view of the picture, once it is there. */
  readonly view: { current: PictureView | null };
}

/** Provides them. */
export const ViewedContext: React.Context<Viewed | null> = createContext<Viewed | null>(null);

/** What is viewed. @throws Error outside of its provider */
export function useViewed(): Viewed {
  const viewed = useContext(ViewedContext);
  if (!viewed) throw new Error("expected a ViewedContext around this component");
  return viewed;
}

/** A part of the workspace's state; the component is drawn again when that part is another. */
export function useWorkspace<T>(select: (state: State) => T): T {
  const { state } = useViewed().workspace;
  return useSyncExternalStore(state.subscribe, () => select(state.get()));
}
