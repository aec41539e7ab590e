import { withBase } from "vitepress";
import { type Component, defineComponent, h, ref } from "vue";
import screenshot from "../../../demo/screenshot.jpg";

/** The demo in a frame. It is a large page, so it is loaded when a person asks for it. */
export const LiveDemo: Component = defineComponent(() => {
  const isOpen = ref(false);
  const address = withBase("/demo/index.html");
  const open = (): void => {
    isOpen.value = true;
  };
  return () =>
    isOpen.value
      ? h("iframe", { class: "live-demo", src: address, title: "The demo", allow: "fullscreen; clipboard-write" })
      : h("div", { class: "live-demo" }, [
          h("img", { src: screenshot, alt: "The demo: a truck and its wheel, each with its mask", loading: "lazy" }),
          h("p", [
            h("button", { type: "button", onClick: open }, "Run it here"),
            h("a", { href: address, target: "_self" }, "Open it alone"),
          ]),
        ]);
});
