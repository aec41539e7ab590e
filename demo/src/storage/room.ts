/** How much room the browser gives, and whether it may take it back. */

/** Room on the device, in bytes. */
export interface Room {
  readonly used: number;
  /** What this site may use, where the browser tells. */
  readonly total: number | null;
}

/** From this share of the room on, it is nearly full. */
const NEARLY_FULL = 0.8;

/** What this site takes on the device, and may; null where the browser does not tell. */
export async function room(): Promise<Room | null> {
  const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
  return usage === undefined ? null : { used: usage, total: quota ?? null };
}

/** Whether there is so little left that a person should know. */
export function isNearlyFull({ used, total }: Room): boolean {
  return total !== null && used > NEARLY_FULL * total;
}

/** Asks the browser not to clear what is kept when it needs room; some browsers ask the person. */
export async function protect(): Promise<void> {
  const { storage } = globalThis.navigator ?? {};
  if (await storage?.persisted?.()) return;
  await storage?.persist?.();
}
