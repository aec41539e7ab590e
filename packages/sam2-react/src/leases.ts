/** Things that several components use, opened once, and closed when nobody uses them any more. No React here. */

/** Something that is being opened, is open, or could not be. */
export type Opening<Value, Progress> =
  | { readonly status: "loading"; readonly value: null; readonly error: null; readonly progress: Progress | null }
  | { readonly status: "ready"; readonly value: Value; readonly error: null; readonly progress: null }
  | { readonly status: "failed"; readonly value: null; readonly error: Error; readonly progress: null };

/** How something is opened and closed. */
export interface Opener<Value, Progress> {
  /** @param signal aborted when nobody wants it any more */
  open(signal: AbortSignal, progress: (progress: Progress) => void): Promise<Value>;
  close(value: Value): void;
}

/** Milliseconds that something opened for a suspended component waits for that component to use it. */
const PATIENCE = 30_000;

/** Milliseconds in which a suspended component learns of a failure; afterwards, whoever asks begins anew. */
const FAILURE_KEPT = 1000;

/** One thing that is leased: what it is now, and who uses it. */
export class Lease<Value, Progress> {
  #settled: Promise<void>;
  #opening: Opening<Value, Progress> = { status: "loading", value: null, error: null, progress: null };
  readonly #users = new Set<() => void>();
  readonly #abort = new AbortController();
  readonly #opener: Opener<Value, Progress>;
  readonly #ended: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ended called when it is closed */
  constructor(opener: Opener<Value, Progress>, ended: () => void) {
    this.#opener = opener;
    this.#ended = ended;
    this.#settled = this.#open();
  }

  /** Resolves when it is open or has failed; never rejects. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  async #open(): Promise<void> {
    const { signal } = this.#abort;
    try {
      const value = await this.#opener.open(signal, (progress) => {
        if (!signal.aborted) this.#become({ status: "loading", value: null, error: null, progress });
      });
      if (signal.aborted) this.#opener.close(value);
      else this.#become({ status: "ready", value, error: null, progress: null });
    } catch (error) {
      if (!signal.aborted) this.#become({ status: "failed", value: null, error: error as Error, progress: null });
    }
    if (this.#users.size === 0) this.#endAfter(this.#opening.status === "failed" ? FAILURE_KEPT : PATIENCE);
  }

  /** What it is now; the same object until that changes. */
  get opening(): Opening<Value, Progress> {
    return this.#opening;
  }

  /** Opens it anew, for all its users, if it has failed. */
  retry(): void {
    if (this.#opening.status !== "failed") return;
    clearTimeout(this.#timer);
    this.#become({ status: "loading", value: null, error: null, progress: null });
    this.#settled = this.#open();
  }

  /** Uses it, and hears of changes. The function that is returned ends that; the last user's closes it. */
  use(changed: () => void): () => void {
    clearTimeout(this.#timer);
    // a function of this user's own: two may pass the same one
    const user = (): void => changed();
    this.#users.add(user);
    return () => {
      this.#users.delete(user);
      // React unmounts and mounts again in one go; that is no reason to close
      if (this.#users.size === 0) this.#endAfter(0);
    };
  }

  #endAfter(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#abort.abort(new DOMException("no component uses it any more", "AbortError"));
      if (this.#opening.value !== null) this.#opener.close(this.#opening.value);
      this.#ended();
    }, milliseconds);
  }

  #become(opening: Opening<Value, Progress>): void {
    this.#opening = opening;
    for (const changed of [...this.#users]) changed();
  }
}

/** Leases by key. */
export class Leases<Key, Value, Progress = never> {
  readonly #leases = new Map<Key, Lease<Value, Progress>>();

  /** The lease of a key, if there is one. */
  peek(key: Key): Lease<Value, Progress> | undefined {
    return this.#leases.get(key);
  }

  /** The lease of a key; it is opened if there is none. */
  of(key: Key, opener: Opener<Value, Progress>): Lease<Value, Progress> {
    const known = this.#leases.get(key);
    if (known) return known;
    const made: Lease<Value, Progress> = new Lease(opener, () => {
      if (this.#leases.get(key) === made) this.#leases.delete(key);
    });
    this.#leases.set(key, made);
    return made;
  }

  /** Tries again what has failed. */
  retry(key: Key): void {
    this.#leases.get(key)?.retry();
  }
}
