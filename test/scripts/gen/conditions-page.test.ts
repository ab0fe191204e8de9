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

test("reserved words are only in the section of reserved ones", () => {
  const before = page.slice(0, page.indexOf("## Reserved"));
  expect(page).toContain("## Reserved");
  expect(before).not.toContain("| `Paused`");
});

test("a reason says for each subject as which conditions it appears", () => {
  expect(page).toContain("| `ForbiddenField` (new) | Connection: `Ready=False`, `SecretValid=False` |");
});
