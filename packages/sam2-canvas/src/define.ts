/** Makes `<sam2-canvas>` known to the page. */
import { defineSam2Canvas } from "./sam2-canvas-element.ts";

defineSam2Canvas();
