// The form of a sample: a definition for one construct, and what to do with its objects.

/** A schema or an object, as it is sent. */
export type Body = Record<string, unknown>;

export interface Sample {
  /** Names the test: the construct that the definition has. */
  covers: string;
  /** The plural; the kind follows from it. */
  plural: string;
  /** The schema of version v1. */
  schema: Body;
  /** More of version v1: subresources, selectable fields, columns. */
  version?: Body;
  /** More versions, before v1. */
  versions?: Body[];
  names?: Body;
  scope?: "Cluster";
  /** Objects, without header, that both servers take, and make the same of. */
  accepted?: Body[];
  /** Objects that both refuse in the same words. */
  refused?: Body[];
  /** From one state to another: what both refuse in the same words. */
  refusedChanges?: [Body, Body][];
}

/** A schema with one field `spec`, which has these fields. */
export const spec = (properties: Body, more: Body = {}): Body => ({
  type: "object",
  properties: { spec: { type: "object", properties, ...more } },
});

export const text = { type: "string" };
export const integer = { type: "integer" };

/** Objects whose spec has these fields. */
export const specs = (...fields: Body[]): Body[] => fields.map((field) => ({ spec: field }));
