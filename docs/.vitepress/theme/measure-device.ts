import { withBase } from "vitepress";
import { type FunctionalComponent, h } from "vue";

/** A link to the page of the demo that measures the visitor's device: there it has threads. */
export const MeasureDevice: FunctionalComponent = () =>
  h("a", { href: withBase("/demo/measure.html"), target: "_self" }, "Measure this device");
