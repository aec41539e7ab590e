import { build, type Plugin } from "vite";

const LICENSES = "LICENSES.md";

/**
 * Writes the licences of all that is bundled, `LICENSES.md`.
 *
 * @param input the scripts that are bundled: pages' and workers', since Vite's own list leaves workers out
 */
export function licenses(input: readonly string[]): Plugin {
  return {
    name: "licenses",
    apply: "build",
    async generateBundle() {
      const { root, resolve } = this.environment.config;
      const built = await build({
        configFile: false,
        logLevel: "error",
        root,
        publicDir: false,
        resolve: { conditions: [...resolve.conditions] },
        worker: { format: "es" },
        build: { write: false, license: { fileName: LICENSES }, rollupOptions: { input: [...input] } },
      });
      if (!("output" in built)) throw new Error("expected one build of the list of licences");
      const list = built.output.find((file) => file.type === "asset" && file.fileName === LICENSES);
      if (list?.type !== "asset") throw new Error(`expected ${LICENSES} in the build`);
      this.emitFile({ type: "asset", fileName: LICENSES, source: list.source });
    },
  };
}
