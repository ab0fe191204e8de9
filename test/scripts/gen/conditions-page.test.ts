import { expect, test } from "vitest";

import { CONDITION_TYPES } from "../../../crds/condition-types.ts";
import { DELETION_BLOCKERS, EVENT_REASONS, REASONS } from "../../../crds/reasons.ts";
import { conditionsPage } from "../../../scripts/gen/conditions-page.ts";

const page = conditionsPage();

test.each(Object.entries({ CONDITION_TYPES, REASONS, EVENT_REASONS, DELETION_BLOCKERS }))(
  "every word of %s is on the page, with the sentence that says when",
  (_, entries) => {
    for (const [word, { when }] of Object.entries(entries)) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${word}\``) && line.includes(when));
      expect({ word, row }).not.toEqual({ word, row: undefined });
    }
  },
);

/** Of no registry in particular: a word may be reserved in one and used in another. */
test("a word that is reserved is in the section of reserved ones, and no other is", () => {
  const [used = "", reserved = ""] = page.split("## Reserved");
  const entries = [CONDITION_TYPES, REASONS, EVENT_REASONS, DELETION_BLOCKERS].flatMap((table) =>
    Object.entries(table),
  );
  for (const [word, entry] of entries) {
    const isReserved = "reserved" in entry;
    const isIn = (part: string) => part.includes(`| \`${word}\``) && part.includes(entry.when);
    expect({ word, used: isIn(used), reserved: isIn(reserved) }).toEqual({
      word,
      used: !isReserved,
      reserved: isReserved,
    });
  }
});

test("a reason says for each subject as which conditions it appears", () => {
  expect(page).toContain("| `ForbiddenField` (new) | Connection: `Ready=False`, `SecretValid=False` |");
});
