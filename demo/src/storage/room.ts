/** Storage on the device: how much is used, and protecting it from being cleared by the browser. */

/** Room on the device, in bytes. */
export interface Room {
  readonly used: number;
  /** What this site may use; null if the browser does not tell. */
  readonly total: number | null;
}

/** Storage counts as nearly full from this share on. */
const NEARLY_FULL = 0.8;

/** The storage that this site uses, and may use; null if the browser does not tell. */
export async function room(): Promise<Room | null> {
  const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
  return usage === undefined ? null : { used: usage, total: quota ?? null };
}

/** Whether so little room is left that the page should say so. */
export function isNearlyFull({ used, total }: Room): boolean {
  return total !== null && used > NEARLY_FULL * total;
}

/** Asks the browser not to clear what is kept when it needs room; some browsers ask the person. */
export async function protect(): Promise<void> {
  const { storage } = globalThis.navigator ?? {};
  if (await storage?.persisted?.()) return;
  await storage?.persist?.();
}
