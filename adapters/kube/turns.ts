// Whose turn it is to begin a watch: a few at a time, in the order they asked, so that hundreds of watches that begin together
// (a start, an outage that ends, another credential) neither starve requests nor hold hundreds of lists in memory at once.
// Rule: docs/reference/behaviour.md, "Watch scope".

export interface Turn {
  /** Resolves when it has come; never once it was given back before. */
  come: Promise<void>;
  /** Gives it back, also one that has not come yet; again: nothing. */
  leave: () => void;
}

export type Turns = () => Turn;

/** At most `most` have a turn at the same time. */
export const createTurns = (most: number): Turns => {
  const waiting = new Set<() => void>();
  let taken = 0;

  const next = (): void => {
    const [first] = waiting;
    if (first === undefined || taken >= most) return;
    waiting.delete(first);
    taken++;
    first();
  };

  return () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = false;
    waiting.add(resolve);
    next();
    return {
      come: promise,
      leave: () => {
        if (left) return;
        left = true;
        if (waiting.delete(resolve)) return;
        taken--;
        next();
      },
    };
  };
};
