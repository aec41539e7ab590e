/** Shows messages: what the page is doing, what it did, what went wrong. */
import type { OpenProgress } from "sam2-web";
import { element } from "./element.ts";

let stop: AbortController | null = null;

/** Shows a message in the status line, which screen readers read out. */
export function say(text: string): void {
  element("status").textContent = text;
}

/** Shows what the page is busy with, and the share that is done, if known; null when it is not busy. */
export function showBusy(text: string | null, share?: number): void {
  element("busy").hidden = text === null;
  element("cancel").hidden = stop === null;
  element("busy-text").textContent = text ?? "";
  const bar = element<HTMLProgressElement>("busy-progress");
  if (share === undefined) bar.removeAttribute("value");
  else bar.value = share;
}

/** Shows the progress of opening a model. */
export function showProgress(progress: OpenProgress): void {
  if (progress.phase === "download") {
    const { loaded, total } = progress;
    showBusy(`Loading the model, ${(loaded / 1e6).toFixed(1)} MB`, total === null ? undefined : loaded / total);
  } else {
    showBusy(progress.phase === "compile" ? "Preparing the model" : "Checking the GPU");
  }
}

/** Shows what went wrong, and what the person can do about it. */
export function showError(error: unknown, advice: string): void {
  const box = element("error");
  box.hidden = false;
  box.textContent = `${error instanceof Error ? error.message : String(error)} — ${advice}`;
}

/** Hides the last error. */
export function forgetError(): void {
  element("error").hidden = true;
}

/** Runs long work that can be canceled while it is shown as busy. */
export async function cancellable(work: (signal: AbortSignal) => Promise<void>, advice: string): Promise<void> {
  const controller = new AbortController();
  stop = controller;
  try {
    await work(controller.signal);
  } catch (error) {
    if ((error as Error).name === "AbortError") say("Stopped.");
    else showError(error, advice);
  } finally {
    if (stop === controller) {
      stop = null;
      showBusy(null);
    }
  }
}

/** Whether there is work to cancel. */
export function isCancellable(): boolean {
  return stop !== null;
}

/** Cancels the current work, if there is any. */
export function cancel(): void {
  if (!stop) return;
  stop.abort();
  stop = null;
  showBusy(null);
}
