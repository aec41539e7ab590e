/** A lease in a component. */
import { useCallback, useSyncExternalStore } from "react";
import type { Leases, Opener, Opening } from "./leases.ts";

const LOADING: Opening<never, never> = { status: "loading", value: null, error: null, progress: null };

const isServer = typeof document === "undefined";

/** What is wanted: a key, and how it is opened; null for nothing. */
interface Wanted<Key, Value, Progress> {
  readonly leases: Leases<Key, Value, Progress>;
  readonly key: Key;
  readonly opener: Opener<Value, Progress>;
}

/**
 * What a leased thing is now. It is opened once the component is mounted, or at once with `suspense`, and closed after
 * it is unmounted. On a server nothing is opened.
 *
 * @returns that, and a function that tries again what has failed
 */
export function useLease<Key, Value, Progress>(
  wanted: Wanted<Key, Value, Progress> | null,
  suspense: boolean,
): readonly [Opening<Value, Progress>, () => void] {
  const { leases, key } = wanted ?? {};
  // biome-ignore lint/correctness/useExhaustiveDependencies: the opener follows from the key
  const subscribe = useCallback(
    (changed: () => void) => wanted?.leases.of(wanted.key, wanted.opener).use(changed) ?? (() => undefined),
    [leases, key],
  );
  const opening = useSyncExternalStore<Opening<Value, Progress>>(
    subscribe,
    () => wanted?.leases.peek(wanted.key)?.opening ?? LOADING,
    () => LOADING,
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  const retry = useCallback(() => wanted?.leases.retry(wanted.key), [leases, key]);
  if (suspense && wanted) {
    if (isServer) throw new Error("expected a browser: on a server, React shows the fallback of <Suspense> instead");
    const lease = wanted.leases.of(wanted.key, wanted.opener);
    if (lease.opening.status === "loading") throw lease.settled;
    if (lease.opening.status === "failed") throw lease.opening.error;
  }
  return [opening, retry];
}
