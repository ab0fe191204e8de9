import { describe, expect, test } from "vitest";
import { createMachine } from "xstate";

import { mermaid } from "../../../scripts/gen/diagram.ts";
import { machinePage } from "../../../scripts/gen/machine-page.ts";
import { readStatechart } from "../../../scripts/gen/statechart.ts";
import { smallMachine } from "./small-machine.ts";

const chart = readStatechart(smallMachine);
const lines = mermaid(chart).split("\n");

describe("a diagram", () => {
  test("is a Mermaid state diagram, the same every time", () => {
    expect(lines[0]).toBe("stateDiagram-v2");
    expect(mermaid(readStatechart(smallMachine))).toBe(lines.join("\n"));
  });

  test("nests states, each region and composite with its own initial state, and ends where the machine does", () => {
    const nested = lines.slice(
      lines.indexOf('  state "opened" as opened {'),
      lines.indexOf('  state "lights" as lights {'),
    );
    expect(nested).toEqual([
      '  state "opened" as opened {',
      "    [*] --> opened_ajar",
      '    state "in any of these" as opened_any',
      '    state "ajar" as opened_ajar',
      "    opened_ajar : entry / greet, count",
      "    opened_ajar : exit / ring",
      '    state "wide" as opened_wide',
      "  }",
    ]);
    expect(lines).toContain("  [*] --> closed");
    expect(lines).toContain("  end_ --> [*]");
    const regions = lines.slice(lines.indexOf('  state "lights" as lights {'));
    expect(regions.slice(1, 12)).toEqual([
      '    state "inside" as lights_inside {',
      "      [*] --> lights_inside_off",
      '      state "off" as lights_inside_off',
      '      state "on" as lights_inside_on',
      "    }",
      "    --",
      '    state "outside" as lights_outside {',
      "      [*] --> lights_outside_off",
      '      state "off" as lights_outside_off',
      "    }",
      "  }",
    ]);
  });

  test("labels edges with event, guard and actions, numbered where several are tried in turn", () => {
    expect(lines).toContain("  closed --> closed : knock (1) [locked] / ring, count");
    expect(lines).toContain("  opened_ajar --> opened_wide : [open]");
    expect(lines).toContain("  opened --> closed : slam");
  });

  test("draws transitions between the same two states as one edge", () => {
    expect(lines).toContain("  closed --> opened : knock (3) [else]<br/>push");
  });

  test("names delays in words, and escapes what Mermaid would read as its own", () => {
    expect(lines).toContain("  closed --> end_ : knock (2) [is 50#37; #124; more]<br/>after aWhile");
    expect(lines).toContain("  opened_wide --> closed : wind#59; strong");
    expect(lines.filter((line) => line.includes("closed : entry") || line.includes("closed : exit"))).toEqual([]);
  });

  test("never draws an edge between a composite state and its own inside", () => {
    expect(lines).toContain('  state "in any state" as any');
    expect(lines).toContain("  any --> closed : reset");
    expect(lines).toContain("  opened_any --> opened_wide : nudge");
    expect(lines).toContain("  opened_any --> opened_ajar : again");
    expect(lines).toContain("  opened_wide --> opened_ajar : back");
  });

  test("is refused where two states would be drawn as one", () => {
    const twins = createMachine({ initial: "a_b", states: { a_b: {}, a: { initial: "b", states: { b: {} } } } });
    expect(() => mermaid(readStatechart(twins))).toThrow("a_b");
  });
});

describe("the page of a machine", () => {
  const page = machinePage("small", "machines/small.ts", chart);

  test("says what the machine is and where it is defined, and holds the diagram", () => {
    expect(page).toContain("A door, for tests.");
    expect(page).toContain("[`machines/small.ts`](../../machines/small.ts)");
    expect(page).toContain(`\`\`\`mermaid\n${lines.join("\n")}\n\`\`\``);
  });

  test("lists every state with its description, meta, tags and actions", () => {
    expect(page).toContain("| State | Meaning | Tags | On entry | On exit |");
    expect(page).toContain("| `closed` | Nobody \\| gets in.; room: hall | `resting` |  |  |");
    expect(page).toContain("| `opened.ajar` |  |  | `greet`, `count` | `ring` |");
    for (const state of ["opened", "opened.wide", "lights.inside.on", "end"])
      expect(page).toContain(`| \`${state}\` |`);
  });

  test("lists what is handled without changing state", () => {
    expect(page).toContain("| any | `bell.rung` |  | `ring` |");
  });
});
