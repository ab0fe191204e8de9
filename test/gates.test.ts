import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { GATES } from "../scripts/gates.ts";
import { PLANTS, type Plant } from "./gates/plants.ts";
import { discard, judge, miniature, type Verdict } from "./gates/skeleton.ts";

/** Both miniatures under all gates, two programs at a time; together they take some 20 s. */
const verdicts = { clean: new Map<string, Verdict>(), planted: new Map<string, Verdict>() };
const directories: string[] = [];

const everything = () => ({
  files: Object.assign({}, ...PLANTS.filter((plant) => !plant.dependencies).map((plant) => plant.files)),
  dependencies: Object.assign({}, ...PLANTS.map((plant) => plant.dependencies ?? {})),
});

beforeAll(async () => {
  const trees = { clean: miniature(), planted: miniature(everything()) };
  directories.push(...Object.values(trees));
  const work = GATES.flatMap((gate) => [["clean", gate] as const, ["planted", gate] as const]);
  const worker = async () => {
    for (let next = work.shift(); next !== undefined; next = work.shift()) {
      const [tree, gate] = next;
      verdicts[tree].set(gate.name, await judge(gate, trees[tree]));
    }
  };
  await Promise.all([worker(), worker()]);
}, 120_000);
afterAll(() => directories.forEach(discard));

/** The lines that speak of `file`: those that name it and, in eslint's form, those below its heading. */
function about(output: string, file: string): string {
  const all = output.split("\n");
  return all
    .flatMap((line, at) => {
      if (!line.includes(file)) return [];
      const end = all.findIndex((later, i) => i > at && !/^\s+\S/.test(later));
      return all.slice(at, end < 0 ? undefined : end);
    })
    .join("\n");
}

describe.each(GATES.map((gate) => [gate.name] as const))("the gate %s", (name) => {
  test("passes what is right", () => {
    const verdict = verdicts.clean.get(name);
    expect(verdict?.code, verdict?.output).toBe(0);
  });

  test("fails what is wrong", () => {
    expect(verdicts.planted.get(name)?.code).not.toBe(0);
  });

  test.each(PLANTS.filter((plant) => plant.gate === name).map((plant) => [plant.what, plant] as const))(
    "catches %s",
    (_what, plant: Plant) => {
      const output = verdicts.planted.get(name)?.output ?? "";
      const [file] = Object.keys(plant.files) as [string];
      expect(about(output, file), output).toMatch(plant.says);
    },
  );
});
