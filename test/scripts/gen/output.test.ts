import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { differences, write } from "../../../scripts/gen/output.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), "gen-"));
});
afterEach(() => rm(root, { recursive: true }));

const OUTPUTS = [
  { path: "docs/b.md", text: "# B\n" },
  { path: "docs/a.md", text: "# A\n" },
];
const check = () => differences(root, OUTPUTS, ["docs"]);
const writeAll = async () => {
  for (const difference of await check()) await write(root, difference);
};

test("files that are not there are stale, and fresh once written", async () => {
  expect((await check()).map((difference) => difference.path)).toEqual(["docs/a.md", "docs/b.md"]);
  await writeAll();
  expect(await check()).toEqual([]);
  expect(await readFile(path.join(root, "docs/a.md"), "utf8")).toBe("# A\n");
});

test("a file that was edited by hand is stale", async () => {
  await writeAll();
  await writeFile(path.join(root, "docs/a.md"), "# Mine\n");
  expect(await check()).toEqual([{ path: "docs/a.md", text: "# A\n" }]);
});

test("a file whose source is gone is stale, and is removed", async () => {
  await writeAll();
  await writeFile(path.join(root, "docs/old.md"), "# Old\n");
  expect(await check()).toEqual([{ path: "docs/old.md", text: undefined }]);
  await writeAll();
  expect(await check()).toEqual([]);
});
