/** The list of the page's files, which the build writes into the service worker. */

/** A file of the page, and the hash of its content. */
export interface PageFile {
  /** Address, relative to the page. */
  readonly url: string;
  /** A hash of its content; null where the name changes with the content. */
  readonly revision: string | null;
  /** The hash in the form of Subresource Integrity. */
  readonly integrity: string;
}

/** The files of a version of the page. */
export interface PageFiles {
  /** Downloaded before the version is used. */
  readonly kept: readonly PageFile[];
  /** Downloaded and kept when they are first used. */
  readonly onFirstUse: readonly PageFile[];
}
