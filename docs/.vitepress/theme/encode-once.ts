import { type FunctionalComponent, h } from "vue";
import picture from "./encode-once.svg?raw";

/** The picture of what runs once and what runs often. In the page itself, so that it takes the page's colors. */
export const EncodeOnce: FunctionalComponent = () => h("figure", { class: "encode-once", innerHTML: picture });
