// Work on many things, a few at a time: an API server is not to be met by hundreds of connections at once.

/** Runs `work` for each, in order of their start, `atOnce` at a time; rejects with the first that fails. */
export async function eachOf<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>, atOnce = 12): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
