/** What is open around the picture: dialogs, and on small screens the panel. */

import type { ReviewState } from "../labels/review.ts";
import type { Trouble } from "../storage/label-store.ts";

/** See the fields. */
export interface Shell {
  /** The dialog that is open. */
  readonly dialog: "commands" | "keys" | "export" | "options" | "overview" | "embeddings" | "camera" | null;
  /** The state of the pictures that the strip shows; null for all. */
  readonly shown: ReviewState | null;
  /** Whether the panel is open where it lies over the picture. */
  readonly isPanelOpen: boolean;
  /** The trouble with the storage whose notice over the picture the person has closed; it is in the panel then. */
  readonly closedTrouble: Trouble["kind"] | null;
  /** Loads a new version of the page; null when there is none. */
  readonly loadNewVersion: (() => void) | null;
}

/** Nothing is open. */
export const FIRST_SHELL: Shell = {
  dialog: null,
  shown: null,
  isPanelOpen: false,
  closedTrouble: null,
  loadNewVersion: null,
};
