// Where a Connection takes its exported APIs from: what its spec asks for, what `Auto` decided before, and what is known
// of the provider's labelled definitions. Pure; who finds that out is actors/source-choice.ts.
// Rule: docs/reference/behaviour.md, "Schema sources".

export type SchemaSource = "CRD" | "OpenAPI";

/**
 * Labelled definitions on the provider: some or none of them in a complete list; forbidden to list; not served at all;
 * failed: for another cause, so that nothing follows from it.
 */
export type Labelled = "unknown" | "some" | "none" | "forbidden" | "unserved" | "failed";

/** `decided`: status.activeSchemaSource, "" while there is none. Null: not known yet. */
export function chooseSource(wanted: SchemaSource | "Auto", decided: string, labelled: Labelled): SchemaSource | null {
  if (wanted !== "Auto") return wanted;
  // From here on nothing leads back: a label that is removed, or an error that passes, must not change what is exported.
  if (decided === "CRD" || labelled === "some") return "CRD";
  if (decided === "OpenAPI") return "OpenAPI";
  return labelled === "unknown" || labelled === "failed" ? null : "OpenAPI";
}
