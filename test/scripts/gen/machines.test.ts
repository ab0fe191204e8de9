import path from "node:path";

import { expect, test } from "vitest";

import { machinePages } from "../../../scripts/gen/machines.ts";

test("every machine of the project has its page", async () => {
  const pages = await machinePages(path.resolve(import.meta.dirname, "../../.."));
  const paths = pages.map((page) => page.path);
  for (const name of ["connection", "binding", "syncer", "object"]) expect(paths).toContain(`docs/machines/${name}.md`);
  for (const { text } of pages) expect(text).toContain("```mermaid\nstateDiagram-v2\n");
});
