/** Data flow one way: who may import whom. `npm run check` says where that is broken. */

import swc from "@swc/core";

// dependency-cruiser has swc read every file as TypeScript without JSX, and has no option for that
const { parseFileSync } = swc;
swc.parseFileSync = (file, options) => parseFileSync.call(swc, file, { ...options, tsx: file.endsWith(".tsx") });

/** Rooms of a package's src, in the order of the data: each imports from those before it. */
const ROOMS = {
  "sam2-core": [
    "storage",
    "model",
    "image",
    "prompt",
    "embedding",
    "runtime",
    "mask",
    "predictor",
    "detail",
    "everything",
    "worker",
    "segmenter",
  ],
  "sam2-web": ["storage", "image", "runtime", "mask", "worker", "page"],
};

/** Packages, each with those of this repository that it may import. */
const PACKAGES = {
  "sam2-contract": [],
  "sam2-export": ["sam2-contract"],
  "sam2-core": ["sam2-contract", "sam2-export"],
  "sam2-web": ["sam2-contract", "sam2-core"],
  "sam2-hosted": ["sam2-contract", "sam2-core", "sam2-web"],
  "sam2-node": ["sam2-contract", "sam2-core", "sam2-export", "sam2-hosted"],
  "sam2-canvas": ["sam2-contract", "sam2-web"],
  "sam2-react": ["sam2-contract", "sam2-web", "sam2-canvas"],
  "sam2-adapters": ["sam2-contract", "sam2-web"],
  headless: ["sam2-contract", "sam2-web", "sam2-hosted", "sam2-node"],
};

/** A room: a folder, or the worker's one file. */
const room = (of, name) => `^packages/${of}/src/${name}[./]`;
const either = (names) => `(?:${names.join("|")})`;

const rooms = Object.entries(ROOMS).flatMap(([of, names]) =>
  names.map((name, place) => ({
    name: `room ${of}/${name}`,
    comment: `of its package, ${name} imports only ${names.slice(0, place).join(", ") || "nothing"}`,
    severity: "error",
    from: { path: room(of, name) },
    to: { path: `^packages/${of}/src/(?!${name}[./]|${either(names.slice(0, place).concat("$"))}[./])` },
  })),
);

const packages = Object.entries(PACKAGES).map(([name, allowed]) => ({
  name: `package ${name}`,
  comment: `${name} imports ${allowed.join(", ") || "no other package"}, and nothing of the pages, benchmarks and tests`,
  severity: "error",
  from: { path: `^packages/${name}/(?:src|page)/` },
  to: {
    path: `^(?:packages/(?!${either([name, ...allowed])}/)|models/|demo/|bench/|e2e/|docs/|examples/)`,
    pathNot: "^models/sam2-mini/index[.]d[.]ts$",
  },
}));

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "cycle",
      comment: "files import each other in a circle",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...packages,
    {
      name: "no library in the contract",
      comment: "sam2-contract imports nothing",
      severity: "error",
      from: { path: "^packages/sam2-contract/src/" },
      to: { pathNot: "^packages/sam2-contract/src/" },
    },
    {
      name: "no platform in the core",
      comment:
        "sam2-core runs wherever a platform brings sessions, pictures and a store: it imports none of Node's modules and no runtime",
      severity: "error",
      from: { path: "^packages/sam2-core/src/" },
      to: { path: "onnxruntime", dependencyTypes: ["npm"] },
    },
    {
      name: "no module of Node's in the core",
      comment: "browsers have none",
      severity: "error",
      from: { path: "^packages/sam2-core/src/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "built-in model on demand",
      comment: "sam2-mini is a package that need not be installed: one file asks for it, by import()",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { path: "^models/sam2-mini/", dynamic: false },
    },
    {
      name: "one door to the built-in model",
      comment: "only built-in.ts knows where it is",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", pathNot: "^packages/sam2-web/src/page/built-in[.]ts$" },
      to: { path: "^models/sam2-mini/" },
    },
    {
      name: "exporter on demand",
      comment: "the exporter is fetched when a checkpoint must be converted: import() alone",
      severity: "error",
      from: { path: "^packages/sam2-(?:core|web)/src/" },
      to: { path: "^packages/sam2-export/", dynamic: false },
    },
    {
      name: "no browser in the services",
      comment: "the hosted APIs run on servers too: only what is for a page imports sam2-web",
      severity: "error",
      from: { path: "^packages/sam2-hosted/src/", pathNot: "^packages/sam2-hosted/src/(?:page/|index[.])" },
      to: { path: "^packages/sam2-web/" },
    },
    ...rooms,
    {
      name: "one door to the runtime",
      comment: "only the sessions know onnxruntime-web",
      severity: "error",
      from: { path: "^packages/sam2-web/src/", pathNot: room("sam2-web", "runtime") },
      to: { path: "onnxruntime" },
    },
    {
      name: "public surfaces only",
      comment:
        "a package is imported by its name, as it exports itself, but by what Vite loads as its configuration; what stands in for something in tests is for all tests",
      severity: "error",
      from: {
        path: "^(?:packages/([^/]+)|demo|bench|e2e|docs)/",
        pathNot: "[.]vite[.]|vite[.]config|^demo/headers[.]",
      },
      to: {
        path: "^packages/",
        pathNot: ["^packages/$1/", "^packages/[^/]+/test/(?:seeded|fakes|sample-manifest)[.]ts$"],
        dependencyTypes: ["local"],
        dependencyTypesNot: ["aliased-workspace"],
      },
    },
    {
      name: "the demo stands alone",
      comment: "the page imports published packages only, not the tools that build and test it",
      severity: "error",
      from: { path: "^demo/(?:src|service-worker)/" },
      to: { path: "^(?:packages/(?!sam2-)|bench/|e2e/|docs/)" },
    },
    {
      name: "labels know no page",
      comment: "what is true, what is kept and what is written are apart from what is shown",
      severity: "error",
      from: { path: "^demo/src/(?:labels|masks|storage|formats)/" },
      to: { path: "^demo/src/(?:workspace|view|panels|[^/]+$)" },
    },
    {
      name: "masks know no labels",
      comment: "what is done to a mask does not depend on what it is a mask of",
      severity: "error",
      from: { path: "^demo/src/masks/" },
      to: { path: "^demo/src/", pathNot: "^demo/src/masks/" },
    },
    {
      name: "the workspace knows no page",
      comment: "what a person can do is apart from what is drawn and said, and runs without a DOM",
      severity: "error",
      from: { path: "^demo/src/workspace/" },
      to: { path: ["^demo/src/(?:view|panels|[^/]+$)", "node_modules/(?:react|react-dom|react-aria-components)/"] },
    },
    {
      name: "the view knows no panels",
      comment: "what is drawn does not depend on what is said beside it",
      severity: "error",
      from: { path: "^demo/src/view/" },
      to: { path: "^demo/src/(?:panels/|[^/]+$)" },
    },
    {
      name: "labels know no storage",
      comment:
        "what is true does not depend on where it is kept, or in which format it is written; these two are apart",
      severity: "error",
      from: { path: "^demo/src/(labels|storage|formats)/" },
      to: { path: "^demo/src/(?:storage|formats)/", pathNot: "^demo/src/$1/" },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: ["node_modules", "/dist/"] },
    exclude: { path: ["^[.]cache/", "^demo/dist/", "^packages/sam2-web/standalone/"] },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["types", "import", "browser", "default"],
    },
  },
};
