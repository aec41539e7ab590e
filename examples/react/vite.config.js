import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Nothing in here is for sam2-web. */
export default defineConfig({ plugins: [react()] });
