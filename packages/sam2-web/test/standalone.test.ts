/** The library without a bundler: where it looks for the built-in model, and its form for pages without modules. */
import { expect, test } from "vitest";
import { besides } from "../standalone.built-in.ts";
import { toGlobalScript } from "../standalone.vite.config.ts";

test.each([
  ["https://cdn.example/npm/sam2-web@1.2.3/standalone/sam2-web.js", "https://cdn.example/npm/sam2-mini@1.2.3/onnx/"],
  ["https://cdn.example/npm/sam2-web@1/standalone/sam2-web.global.js", "https://cdn.example/npm/sam2-mini@1/onnx/"],
  ["http://a.example/node_modules/sam2-web/standalone/sam2-web.js", "http://a.example/node_modules/sam2-mini/onnx/"],
  ["http://a.example/app/sam2-web/sam2-web.js", "http://a.example/app/sam2-mini/onnx/"],
  ["http://a.example/vendor/segmenting/sam2-web.js?v=2", "http://a.example/vendor/sam2-mini/onnx/"],
  ["http://a.example/sam2-web.js", "http://a.example/sam2-mini/onnx/"],
])("beside %s", (script, folder) => {
  expect(besides(script)).toEqual({
    manifest: `${folder}model.json`,
    encoder: `${folder}encoder.onnx`,
    decoder: `${folder}decoder.onnx`,
  });
});

test("a module becomes a script that makes a global", () => {
  const code = `const a=1;function b(){return import.meta.url}export{a,b as where};\n`;
  const script = toGlobalScript(code, "library");
  const document = { currentScript: { src: "http://a.example/library.js" } };
  const library = new Function("document", `${script}return library`)(document);
  expect(Object.keys(library)).toEqual(["a", "where"]);
  expect([library.a, library.where()]).toEqual([1, "http://a.example/library.js"]);
});

test("what is no module without imports is refused", () => {
  expect(() => toGlobalScript("const a=1;", "library")).toThrow("expected a module that ends with its exports");
});
