/** Turns keys into commands. */

/** What keys can do. */
export interface Commands {
  undo(): void;
  redo(): void;
  /** Shows a candidate, from 0. */
  choose(index: number): void;
  keep(): void;
  /** Moves on by a number of pictures, which may be negative. */
  step(by: number): void;
  /** Cancels what is going on, or else clears the marks. */
  escape(): void;
  /** Chooses a class, from 0. */
  chooseClass(index: number): void;
  moveCrosshair(dx: number, dy: number): void;
  addAtCrosshair(positive: boolean): void;
}

/** Listens everywhere; the crosshair's keys work while `canvas` has the focus. */
export function listenToKeys(canvas: HTMLCanvasElement, commands: Commands): void {
  const withControl: Record<string, (event: KeyboardEvent) => void> = {
    z: ({ shiftKey }) => (shiftKey ? commands.redo() : commands.undo()),
    y: () => commands.redo(),
  };
  const anywhere: Record<string, () => void> = {
    "1": () => commands.choose(0),
    "2": () => commands.choose(1),
    "3": () => commands.choose(2),
    k: () => commands.keep(),
    pageup: () => commands.step(-1),
    pagedown: () => commands.step(1),
    escape: () => commands.escape(),
  };
  const onCanvas: Record<string, () => void> = {
    arrowleft: () => commands.moveCrosshair(-1, 0),
    arrowright: () => commands.moveCrosshair(1, 0),
    arrowup: () => commands.moveCrosshair(0, -1),
    arrowdown: () => commands.moveCrosshair(0, 1),
    enter: () => commands.addAtCrosshair(true),
    "-": () => commands.addAtCrosshair(false),
  };

  addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const digit = event.shiftKey && /^Digit[1-9]$/.test(event.code) ? Number(event.code.at(-1)) : 0;
    const plain = event.target === canvas ? { ...anywhere, ...onCanvas } : anywhere;
    const action = digit
      ? () => commands.chooseClass(digit - 1)
      : (event.ctrlKey || event.metaKey ? withControl : plain)[key];
    const typing = (event.target as HTMLElement).matches("input:not([type=radio], [type=checkbox]), select");
    if (!action || (typing && key !== "escape")) return;
    event.preventDefault();
    action(event);
  });
}
