import { createApp } from "vue";
import "sam2-canvas/define";
import App from "./App.vue";

createApp(App).mount("body");
