// The parts of the Kubernetes API machinery that our three kinds reuse: conditions and label selectors.
// They repeat metav1 field by field (limits and patterns included), because a CRD schema cannot refer to it.
// Rules: docs/reference/behaviour.md, "API".

import * as z from "zod";

/** Longest message an API server accepts in a condition, in characters. */
export const MAX_MESSAGE = 32_768;

export const REASON_PATTERN = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;

const TYPE_PATTERN =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/;

export const condition = z
  .object({
    type: z
      .string()
      .max(316)
      .regex(TYPE_PATTERN)
      .describe("What this condition is about, in CamelCase, for example Ready."),
    status: z.enum(["True", "False", "Unknown"]).describe("Whether the condition holds: True, False or Unknown."),
    observedGeneration: z.int().min(0).optional().meta({
      format: "int64",
      description:
        "The metadata.generation this condition was computed from. If it is lower than metadata.generation, the condition does not know about the latest change of the spec yet.",
    }),
    lastTransitionTime: z.iso
      .datetime()
      .describe(
        "When the status last changed from one value to another. A new reason or message alone does not move it.",
      ),
    reason: z
      .string()
      .min(1)
      .max(1024)
      .regex(REASON_PATTERN)
      .describe("Why the status is what it is, as one CamelCase word that programs may rely on."),
    message: z
      .string()
      .max(MAX_MESSAGE)
      .describe("Details for people: names of what is concerned, and what to do about it. May be empty."),
  })
  .describe("One aspect of the current state, as true, false or unknown, with the reason.");

/** The conditions of an object or of a part of one: at most one entry per type. */
export const conditions = (description: string) =>
  z
    .array(condition)
    .optional()
    .meta({ description, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] });

const requirement = z
  .object({
    key: z.string().describe("The label key the requirement is about."),
    operator: z.string().describe("How the key relates to the values: In, NotIn, Exists or DoesNotExist."),
    values: z.array(z.string().describe("One label value.")).optional().meta({
      description: "The values to compare with: at least one for In and NotIn, none for Exists and DoesNotExist.",
      "x-kubernetes-list-type": "atomic",
    }),
  })
  .describe("One requirement on one label.");

export const labelSelector = z
  .object({
    matchLabels: z
      .record(z.string(), z.string().describe("The value the label must have."))
      .optional()
      .describe("Labels an object must carry, each with exactly this value."),
    matchExpressions: z.array(requirement).optional().meta({
      description: "Requirements an object's labels must meet, all of them.",
      "x-kubernetes-list-type": "atomic",
    }),
  })
  .meta({
    description: "Selects objects by their labels; all its requirements must be met.",
    "x-kubernetes-map-type": "atomic",
  });

export type Condition = z.infer<typeof condition>;
export type ConditionStatus = Condition["status"];
