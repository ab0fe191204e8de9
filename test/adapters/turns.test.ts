// Watches begin a few at a time: the promises of adapters/kube/turns.ts.

import { expect, test } from "vitest";

import { createTurns, type Turn } from "../../adapters/kube/turns.ts";

/** Which of these have their turn by now. */
async function come(turns: readonly Turn[]): Promise<number[]> {
  const found: number[] = [];
  turns.forEach(({ come }, index) => void come.then(() => found.push(index)));
  await new Promise(setImmediate);
  return found;
}

test("so many have a turn at a time, in the order they asked; whoever leaves makes room for one more", async () => {
  const take = createTurns(2);
  const turns = [take(), take(), take(), take()];
  expect(await come(turns)).toEqual([0, 1]);
  turns[1]?.leave();
  expect(await come(turns)).toEqual([0, 1, 2]);
  turns[1]?.leave();
  expect(await come(turns)).toEqual([0, 1, 2]);
});

test("whoever gives up before it is his turn takes it from nobody", async () => {
  const take = createTurns(1);
  const turns = [take(), take(), take()];
  turns[1]?.leave();
  expect(await come(turns)).toEqual([0]);
  turns[0]?.leave();
  expect(await come(turns)).toEqual([0, 2]);
});
