// Being sure after the fact: an answer that would release something ("it is not there") counts only if the cluster that gave
// it is the pinned one. A look that began after the answer tells, and all who ask meanwhile share the next look, so that a
// thousand deletions cost a handful of requests. Rule: docs/reference/behaviour.md, "Identity".

/** `look` rejects when it is another cluster, or when that cannot be told; so does what is returned. */
export function createAssurance(look: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  const start = (): Promise<void> => {
    running = look().finally(() => (running = null));
    return running;
  };

  return () => {
    if (running === null) return start();
    // The one under way began before this was asked.
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = null;
        return start();
      });
    return next;
  };
}
