// How much of a cluster is watched for one bound API: all of it by one watch, or some namespaces by one watch each. Pure; what
// the credentials allow, and what has to be looked for, is found out by the actors.
// Rule: docs/reference/behaviour.md, "Watch scope".

export interface Scope {
  /**
   * One watch of the whole cluster. needed: nothing less will do. wanted: where the credentials allow it, the namespaces
   * otherwise. no: the namespaces will do.
   */
  wide: "needed" | "wanted" | "no";
  /** Those that matter. */
  namespaces: ReadonlySet<string>;
}

/** One watch for each of so many namespaces is cheaper than one that shows everybody's objects. */
const MOST_APART = 10;

export interface Reasons {
  /** A ClusterBinding lists the API, or its objects have no namespace. */
  everywhere: boolean;
  /** There may be objects to let go of in namespaces that nobody knows of. */
  searching: boolean;
  namespaces: Iterable<string>;
}

export function scopeFor({ everywhere, searching, namespaces }: Reasons): Scope {
  const all = new Set(namespaces);
  if (everywhere) return { wide: "needed", namespaces: all };
  return { wide: searching || all.size > MOST_APART ? "wanted" : "no", namespaces: all };
}
