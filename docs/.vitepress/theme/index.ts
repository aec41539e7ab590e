/** The look of the docs: VitePress' own page, in the project's colors and type. */
import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme-without-fonts";
import { EncodeOnce } from "./encode-once.ts";
import { LiveDemo } from "./live-demo.ts";
import { MeasureDevice } from "./measure-device.ts";
import { Machine, Measured } from "./measured.ts";
import "./style.css";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("EncodeOnce", EncodeOnce);
    app.component("LiveDemo", LiveDemo);
    app.component("Machine", Machine);
    app.component("MeasureDevice", MeasureDevice);
    app.component("Measured", Measured);
  },
} satisfies Theme;
