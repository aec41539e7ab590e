/** What the browser tells about the device, in ways that TypeScript does not know yet. */

interface Telling {
  readonly connection?: { readonly saveData?: boolean };
  getBattery?(): Promise<{ readonly charging: boolean; readonly level: number }>;
}

/** A battery that is fuller than this lasts. */
const FULL = 0.5;

/** Whether work ahead is unwelcome: the battery is in use and not full, or data is to be saved. */
export async function isSparing(): Promise<boolean> {
  const { connection, getBattery } = navigator as Telling;
  if (connection?.saveData) return true;
  const battery = await getBattery?.call(navigator).catch(() => undefined);
  return battery !== undefined && !battery.charging && battery.level < FULL;
}
