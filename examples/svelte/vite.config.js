import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

/** Svelte takes tags with a dash for elements; nothing in here is for sam2-web. */
export default defineConfig({ plugins: [svelte()] });
