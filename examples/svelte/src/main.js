import { mount } from "svelte";
import "sam2-canvas/define";
import App from "./App.svelte";

mount(App, { target: document.body });
