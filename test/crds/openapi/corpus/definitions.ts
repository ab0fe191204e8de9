// Samples of what a definition says beside the schema: names, scope, versions, subresources.

import { integer, spec, specs, text, type Sample } from "./sample.ts";

const status = {
  type: "object",
  properties: { phase: { ...text, default: "Pending" }, replicas: integer, selector: text },
};
const withStatus = (schema: { properties?: object }) => ({ ...schema, properties: { ...schema.properties, status } });

export const DEFINITIONS: Sample[] = [
  {
    covers: "short names, categories, a singular and a list kind of its own",
    plural: "geese",
    schema: spec({ name: text }),
    names: {
      singular: "goose",
      kind: "Goose",
      listKind: "Gaggle",
      shortNames: ["gs", "gse"],
      categories: ["all", "birds"],
    },
  },
  {
    covers: "objects outside of namespaces",
    plural: "worlds",
    scope: "Cluster",
    schema: spec({ name: text }),
    accepted: specs({ name: "a" }),
  },
  {
    covers: "several versions, of which one is preferred",
    plural: "editions",
    schema: spec({ size: integer }),
    versions: [
      { name: "v1alpha1", served: false, schema: spec({ never: text }) },
      { name: "v1beta1", served: true, deprecated: true, schema: spec({ length: text }) },
    ],
    accepted: specs({ size: 1, length: "lost" }),
    refused: specs({ size: "1" }),
  },
  {
    covers: "a status subresource, its schema and its defaults",
    plural: "workers",
    schema: withStatus({ ...spec({ a: text }), required: ["spec"] } as object),
    version: { subresources: { status: {} } },
    accepted: [{ spec: {}, status: { phase: "Mine" } }],
    refused: [{}],
  },
  {
    covers: "a status that is a field like others",
    plural: "plains",
    schema: withStatus(spec({ a: text })),
    accepted: [{ status: { replicas: 1 } }, { status: {} }],
    refused: [{ status: { replicas: "x" } }],
  },
  {
    covers: "a scale subresource",
    plural: "fleets",
    schema: withStatus(spec({ replicas: { ...integer, default: 1 } })),
    version: {
      subresources: {
        status: {},
        scale: {
          specReplicasPath: ".spec.replicas",
          statusReplicasPath: ".status.replicas",
          labelSelectorPath: ".status.selector",
        },
      },
    },
    accepted: specs({ replicas: 3 }),
  },
  {
    covers: "a scale of fields that nobody else uses (which is lost)",
    plural: "herds",
    schema: withStatus(spec({ size: integer })),
    version: {
      subresources: { status: {}, scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.replicas" } },
    },
    accepted: specs({ size: 3 }),
  },
  {
    covers: "what an object may be called (which is lost)",
    plural: "labels",
    schema: {
      type: "object",
      required: ["metadata", "spec"],
      properties: {
        apiVersion: { ...text, description: "Which version." },
        kind: { ...text, description: "Which kind." },
        metadata: { type: "object", properties: { name: { ...text, maxLength: 5 } } },
        spec: { type: "object", properties: { a: text } },
      },
    },
    accepted: specs({ a: "b" }),
    refused: [{}],
  },
  {
    covers: "fields to select by",
    plural: "shelves",
    schema: spec({ colour: { ...text, enum: ["red", "blue"] }, full: { type: "boolean" }, "a.b": integer }),
    version: {
      selectableFields: [{ jsonPath: ".spec.colour" }, { jsonPath: ".spec.full" }],
    },
    accepted: specs({ colour: "red" }),
  },
  {
    covers: "a list of conditions, as controllers keep it",
    plural: "jobs",
    version: { subresources: { status: {} } },
    schema: {
      ...spec({ run: text }),
      properties: {
        spec: { type: "object", properties: { run: text } },
        status: {
          type: "object",
          properties: {
            conditions: {
              type: "array",
              "x-kubernetes-list-type": "map",
              "x-kubernetes-list-map-keys": ["type"],
              items: {
                type: "object",
                required: ["lastTransitionTime", "message", "reason", "status", "type"],
                properties: {
                  lastTransitionTime: { ...text, format: "date-time" },
                  message: { ...text, maxLength: 32768 },
                  observedGeneration: { ...integer, format: "int64", minimum: 0 },
                  reason: {
                    ...text,
                    maxLength: 1024,
                    minLength: 1,
                    pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                  },
                  status: { ...text, enum: ["True", "False", "Unknown"] },
                  type: { ...text, maxLength: 316 },
                },
              },
            },
          },
        },
      },
    },
    accepted: specs({ run: "it" }),
  },
];
