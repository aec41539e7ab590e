/** What the build tells the service worker: the files of a version of the page. */

/** A file of the page, known by its content. */
export interface PageFile {
  /** Address, relative to the page. */
  readonly url: string;
  /** A hash of its content; null where the name changes with the content. */
  readonly revision: string | null;
  /** As in Subresource Integrity. */
  readonly integrity: string;
}

/** The files of a version of the page. */
export interface PageFiles {
  /** Kept before the version is used. */
  readonly kept: readonly PageFile[];
  /** Kept when they are used first. */
  readonly onFirstUse: readonly PageFile[];
}
