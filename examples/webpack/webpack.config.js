import { resolve } from "node:path";

/** Nothing in here is for sam2-web. */
export default {
  output: { path: resolve("public/build"), clean: true },
  performance: { hints: false },
  devServer: { static: "public", devMiddleware: { publicPath: "/build/" } },
};
