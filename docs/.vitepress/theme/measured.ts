/** Figures of BENCHMARKS.md in the text. */
import { type FunctionalComponent, h } from "vue";
import { data } from "../benchmarks.data.ts";

interface Wanted {
  readonly kind: string;
  readonly work: string;
  readonly on: string;
}

/** The median of one measurement. A page that names none fails the build. */
export const Measured: FunctionalComponent<Wanted> = ({ kind, work, on }) => {
  const found = data.measurements.find((each) => each.kind === kind && each.work === work && each.on === on);
  if (!found) throw new Error(`BENCHMARKS.md has no row of ${kind}, ${work}, ${on}`);
  const { milliseconds } = found;
  return h("span", milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`);
};
Measured.props = ["kind", "work", "on"];

/** What they were measured on, and when. */
export const Machine: FunctionalComponent = () => h("span", data.machine);
