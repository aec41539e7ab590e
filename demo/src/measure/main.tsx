/** Starts the page "measure this device". */
import { createRoot } from "react-dom/client";
import text from "../../../BENCHMARKS.md?raw";
import { workOffline } from "../offline.ts";
import { MeasurePage } from "./page.tsx";
import { abilities } from "./plan.ts";
import { readBenchmarks } from "./report.ts";
import "./measure.css";

let isBusy = false;
const onBusy = (now: boolean): void => {
  isBusy = now;
};
createRoot(document.getElementById("page") as HTMLElement).render(
  <MeasurePage abilities={await abilities()} benchmarks={readBenchmarks(text)} onBusy={onBusy} />,
);
// the service worker isolates the page, which gives it threads
void workOffline(
  () => !isBusy,
  () => undefined,
);
