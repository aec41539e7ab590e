/** The verbs that every browser of these tests understands. */

/** The source of a function's call: what is sent to a page. Arguments and answers are JSON. */
export function callOf<A extends unknown[]>(task: (...args: A) => unknown, args: A): string {
  return `(${task})(...${JSON.stringify(args)})`;
}

/** A place in the window, in CSS pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A window with storage of its own. */
export interface Tab {
  /** Opens an address, and waits until its document is there. */
  goto(address: string): Promise<void>;
  reload(): Promise<void>;
  /** Runs a function in the page. It sees its arguments and the page, and nothing of the test. */
  evaluate<A extends unknown[], R>(task: (...args: A) => R | Promise<R>, ...args: A): Promise<R>;
  /** Moves the mouse somewhere. */
  hover(at: Point): Promise<void>;
  /** Presses and releases the mouse's main button. */
  click(at: Point): Promise<void>;
  /** Moves the mouse while its main button is down. */
  drag(from: Point, to: Point): Promise<void>;
  /** Types into what has the focus. */
  type(text: string): Promise<void>;
  /** Gives files to an `<input type="file">`. */
  setFiles(selector: string, paths: readonly string[]): Promise<void>;
  /** The bytes of the file of this name that the page saves while a task is done. */
  saved(name: string, task: () => Promise<void>): Promise<Buffer>;
  /** What the window shows, as a PNG. */
  screenshot(): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A running browser. */
export interface Browser {
  newTab(): Promise<Tab>;
  close(): Promise<void>;
}

/** A browser that may be installed here. */
export interface Engine {
  readonly name: string;
  /** Debian's packages that bring it. */
  readonly packages: readonly string[];
  /** Why it cannot be started here; null where it can. */
  absence(): string | null;
  /** Whether its windows are private, so that the page can store nothing. */
  readonly isPrivate: boolean;
  launch(): Promise<Browser>;
}
