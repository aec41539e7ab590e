import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

/** Nothing in here is for sam2-web. */
export default defineConfig({ plugins: [sveltekit()] });
