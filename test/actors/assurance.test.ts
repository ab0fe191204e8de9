// What many ask at once is looked at once, but never by a look that began too early.

import { describe, expect, it } from "vitest";
import { createAssurance } from "../../actors/assurance.ts";

/** Looks that end when they are told to. */
const looks = () => {
  const ends: PromiseWithResolvers<void>[] = [];
  const confirm = createAssurance(() => {
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  return { ends, confirm };
};

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("assurance", () => {
  it("looks anew for each who asks after the last look has ended", async () => {
    const { ends, confirm } = looks();
    for (const round of [0, 1]) {
      const sure = confirm();
      ends[round]?.resolve();
      await sure;
    }
    expect(ends).toHaveLength(2);
  });

  it("is one more look for all who ask while one is under way, and not that one", async () => {
    const { ends, confirm } = looks();
    const first = confirm();
    let later = 0;
    const others = [1, 2, 3].map(() => confirm().then(() => later++));
    ends[0]?.resolve();
    await first;
    await turn();
    expect({ later, looks: ends.length }).toEqual({ later: 0, looks: 2 });
    ends[1]?.resolve();
    await Promise.all(others);
    expect({ later, looks: ends.length }).toEqual({ later: 3, looks: 2 });
  });

  it("is refused to all who shared a look that failed, and to nobody else", async () => {
    const { ends, confirm } = looks();
    const first = confirm();
    const second = [confirm(), confirm()];
    const outcomes = Promise.allSettled([first, ...second]);
    ends[0]?.reject(new Error("another cluster"));
    await turn();
    ends[1]?.resolve();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    const third = confirm();
    ends[2]?.reject(new Error("another cluster"));
    await expect(third).rejects.toThrow("another cluster");
  });
});
