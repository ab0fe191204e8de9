// Writes what is generated from the sources: the CRD manifests, the reference of reasons, the machines' diagrams and the tables
// of figures.
// `--check` writes nothing, names each file that is not fresh and exits 1.

import path from "node:path";

import { machinePages } from "./gen/machines.ts";
import { manifests } from "./gen/manifests.ts";
import { differences, write } from "./gen/output.ts";
import { conditionsPage } from "./gen/conditions-page.ts";
import { pagesWithFigures } from "./gen/figures.ts";

const root = path.resolve(import.meta.dirname, "..");
const check = process.argv.includes("--check");

const outputs = [
  ...manifests(),
  { path: "docs/reference/conditions.md", text: conditionsPage() },
  ...(await machinePages(root)),
  ...(await pagesWithFigures(root)),
];
const stale = await differences(root, outputs, ["crds/manifests", "docs/machines"]);

for (const difference of stale) {
  const verb = difference.text === undefined ? "remove" : "write";
  console.log(check ? `stale: ${difference.path} (npm run gen would ${verb} it)` : `${verb} ${difference.path}`);
  if (!check) await write(root, difference);
}
if (!check) console.log(`${outputs.length} generated files are fresh`);
if (check && stale.length > 0) process.exitCode = 1;
