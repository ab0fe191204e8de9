// Makes a failing sequence smaller by leaving parts of it out, as long as what is left fails as well (delta debugging). All
// candidates of a stage are tried at once, because histories can be played side by side.

/** In about equal parts, in order. */
function parts<T>(items: readonly T[], count: number): T[][] {
  const size = Math.ceil(items.length / count);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** `fails` says of each candidate whether it still does; `isOver`: enough time has been spent. */
export async function shrink<T>(
  whole: readonly T[],
  fails: (candidates: readonly (readonly T[])[]) => Promise<readonly boolean[]>,
  isOver: () => boolean,
): Promise<readonly T[]> {
  let smallest = whole;
  let count = 2;
  while (smallest.length > 1 && !isOver()) {
    const chunks = parts(smallest, count);
    const candidates = chunks.map((_, left) => chunks.filter((_, index) => index !== left).flat());
    const failing = await fails(candidates);
    const next = candidates.find((_, index) => failing[index]);
    if (next !== undefined) {
      smallest = next;
      count = Math.max(2, count - 1);
    } else if (count >= smallest.length) break;
    else count = Math.min(smallest.length, count * 2);
  }
  return smallest;
}
