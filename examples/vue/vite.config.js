import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const isCustomElement = (tag) => tag === "sam2-canvas";

/** Vue is told which tag is no component; nothing else in here is for sam2-web. */
export default defineConfig({ plugins: [vue({ template: { compilerOptions: { isCustomElement } } })] });
