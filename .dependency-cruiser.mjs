// Who may import whom. One arrow, levels may be skipped, nothing points back:
// cmd -> adapters -> actors -> machines -> crds. An adapter knows of the actors only their ports.

const PRODUCT = "^(cmd|adapters|actors|machines|crds)/";

/** @param {string} level @param {string[]} above */
const noWayBack = (level, above) => ({
  name: `${level}-points-down`,
  comment: "Imports run one way: cmd -> adapters -> actors -> machines -> crds.",
  severity: "error",
  from: { path: `^${level}/` },
  to: { path: `^(${above.join("|")})/` },
});

/** @param {string} level @param {string} allowed what of Node it may use all the same */
const noInputOutput = (level, allowed) => ({
  name: `${level}-without-io`,
  comment: "What decides does not touch the world: adapters do.",
  severity: "error",
  from: { path: `^${level}/` },
  to: { dependencyTypes: ["core"], pathNot: allowed },
});

export default {
  forbidden: [
    noWayBack("crds", ["machines", "actors", "adapters", "cmd"]),
    noWayBack("machines", ["actors", "adapters", "cmd"]),
    noWayBack("actors", ["adapters", "cmd"]),
    noWayBack("adapters", ["cmd"]),
    noInputOutput("crds", "^(node:)?crypto$"),
    noInputOutput("machines", "^(node:)?crypto$"),
    noInputOutput("actors", "^(node:)?(crypto|util|timers)(/|$)"),
    {
      name: "adapters-know-only-ports",
      comment: "An adapter imports from actors/ only actors/ports.ts.",
      severity: "error",
      from: { path: "^adapters/" },
      to: { path: "^actors/", pathNot: "^actors/ports\\.ts$" },
    },
    {
      name: "no-cycles",
      comment: "Type-only cycles count: two files that need each other are one.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "product-without-tests",
      comment: "What runs in production does not import tests, scripts or benchmarks.",
      severity: "error",
      from: { path: PRODUCT },
      to: { path: "^(test|scripts|bench)/" },
    },
    {
      name: "product-without-dev-dependencies",
      severity: "error",
      from: { path: PRODUCT },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "declared-dependencies",
      comment: "A package that package.json does not name is somebody else's and may be gone tomorrow.",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "unknown"] },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-deprecated-core",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["deprecated"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(node_modules|coverage)/" },
    // Type-only imports are imports.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
