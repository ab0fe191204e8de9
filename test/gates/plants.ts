// One example of everything a gate must catch: the file that is planted, and how the gate names what is wrong with it.

const HEADER = "// Planted.\n\n";
const branches = Array.from({ length: 11 }, (_, i) => `  if (n === ${i}) return ${i + 1};\n`).join("");
const lines = (count: number) => Array.from({ length: count }, (_, i) => `export const v${i} = ${i};\n`).join("");
/** Put together, so that this file passes the gate it tests. */
const home = `/${"root"}/somewhere`;
const registry = ["registry", "npmjs", "org"].join(".");

export interface Plant {
  gate: string;
  /** What must be caught, completing "catches …". */
  what: string;
  files: Record<string, string>;
  dependencies?: Record<string, string>;
  /** Must be found in what the gate says about the first file. */
  says: RegExp;
}

const one = (gate: string, what: string, file: string, text: string, says: RegExp): Plant => ({
  gate,
  what,
  files: { [file]: HEADER + text },
  says,
});

export const PLANTS: readonly Plant[] = [
  one("types", "a wrong type", "crds/wrong-type.ts", `export const n: number = "text";\n`, /TS2322/),
  one("types", "an unchecked index", "crds/index-access.ts", `export const n: number = [1][0];\n`, /TS2322/),
  one("types", "syntax that Node cannot strip", "crds/colour.ts", `export enum Colour {\n  Red,\n}\n`, /TS1294/),

  one("eslint", "a floating promise", "actors/floating.ts", `Promise.resolve();\n`, /no-floating-promises/),
  one(
    "eslint",
    "a promise as a condition",
    "actors/misused.ts",
    `export const yes = Promise.resolve(false) ? 1 : 2;\n`,
    /no-misused-promises/,
  ),
  one(
    "eslint",
    "a function of complexity 11",
    "actors/complex.ts",
    `export function f(n: number): number {\n${branches}  return 0;\n}\n`,
    /complexity/,
  ),
  one("eslint", "a file of more than 400 lines", "actors/long.ts", lines(399), /max-lines/),
  one("eslint", "a default export", "actors/default.ts", `export default 1;\n`, /no-restricted-exports/),
  one("eslint", "a console in the product", "actors/loud.ts", `console.log("here");\n`, /no-console/),
  one(
    "eslint",
    "a value import of a type",
    "actors/typed.ts",
    `import { World } from "./ports.ts";\n\nexport const w: World | undefined = undefined;\n`,
    /consistent-type-imports/,
  ),

  one(
    "imports",
    "crds that import machines",
    "crds/upward.ts",
    `import { decide } from "../machines/decision.ts";\n\nexport const a = decide;\n`,
    /crds-points-down/,
  ),
  one(
    "imports",
    "machines that import actors, even a type",
    "machines/upward.ts",
    `import type { World } from "../actors/ports.ts";\n\nexport const a: World | undefined = undefined;\n`,
    /machines-points-down/,
  ),
  one(
    "imports",
    "actors that import adapters",
    "actors/upward.ts",
    `import { world } from "../adapters/world.ts";\n\nexport const a = world;\n`,
    /actors-points-down/,
  ),
  one("imports", "adapters that import cmd", "adapters/upward.ts", `import "../cmd/run.ts";\n`, /adapters-points-down/),
  one(
    "imports",
    "an adapter that imports an actor",
    "adapters/knowing.ts",
    `import { act } from "../actors/host.ts";\n\nexport const a = act;\n`,
    /adapters-know-only-ports/,
  ),
  one(
    "imports",
    "a machine that does I/O",
    "machines/reading.ts",
    `import { readFileSync } from "node:fs";\n\nexport const a = readFileSync;\n`,
    /machines-without-io/,
  ),
  one(
    "imports",
    "product code that imports tests",
    "cmd/testing.ts",
    `import "../test/decision.test.ts";\n`,
    /product-without-tests/,
  ),
  one(
    "imports",
    "product code that imports a development package",
    "cmd/developing.ts",
    `import { version } from "typescript";\n\nexport const a = version;\n`,
    /product-without-dev-dependencies/,
  ),
  one(
    "imports",
    "a package that package.json does not name",
    "cmd/undeclared.ts",
    `import semver from "semver";\n\nexport const a = semver;\n`,
    /declared-dependencies/,
  ),
  one("imports", "a file that is not there", "cmd/dangling.ts", `import "./nowhere.ts";\n`, /resolvable/),
  {
    gate: "imports",
    what: "a cycle of types",
    files: {
      "machines/egg.ts": `${HEADER}import type { Hen } from "./hen.ts";\n\nexport type Egg = { by?: Hen };\n`,
      "machines/hen.ts": `${HEADER}import type { Egg } from "./egg.ts";\n\nexport type Hen = { from?: Egg };\n`,
    },
    says: /no-cycles/,
  },

  one("unused", "an unused file", "machines/orphan.ts", `export const orphan = 1;\n`, /Unused files|orphan/),
  {
    gate: "unused",
    what: "an unused export",
    files: {
      "machines/generous.ts": `${HEADER}export const used = 1;\nexport const unusedExport = 2;\n`,
      "test/generous.test.ts": `import { test } from "vitest";\n\nimport { used } from "../machines/generous.ts";\n\ntest("uses", () => void used);\n`,
    },
    says: /unusedExport/,
  },
  {
    gate: "unused",
    what: "an unused dependency",
    files: { "package.json": "" },
    dependencies: { yaml: "2.9.1" },
    says: /yaml/,
  },

  one("repository", "a file whose name says nothing", "machines/utils.ts", `export const a = 1;\n`, /says nothing/),
  one(
    "repository",
    "a file name that is not kebab-case",
    "machines/camelCase.ts",
    `export const a = 1;\n`,
    /kebab-case/,
  ),
  one(
    "repository",
    "a directory of a machine",
    "machines/homely.ts",
    `export const a = "${home}";\n`,
    /directory of some machine/,
  ),
  one("repository", "the name of a registry", "docs/install.md", `Fetch it from ${registry}.\n`, /package registry/),
  {
    gate: "repository",
    what: "a file that does not say what it is for",
    files: { "machines/mute.ts": "export const a = 1;\n" },
    says: /does not open/,
  },
  one(
    "repository",
    "a rule cited that is written nowhere",
    "machines/citing.ts",
    // In two parts, or the gate would find the citation here too.
    `// Rule: docs/reference/behaviour` + `.md,\n// "Wishes".\nexport const a = 1;\n`,
    /section "Wishes"/,
  ),

  one("format", "a layout that is not prettier's", "machines/crooked.ts", `export const a = {b:1}\n`, /crooked/),
];
