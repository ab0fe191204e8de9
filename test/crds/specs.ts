// Valid specs, a way to spoil them, and specs of bindings that an API server must take or refuse.

export type Body = Record<string, unknown>;

/** `a.b.c` of nested records, for changing one field of a valid object. */
export const withField = (object: Body, path: string, value: unknown): Body => {
  const [head = "", ...rest] = path.split(".");
  const inner = rest.length === 0 ? value : withField((object[head] ?? {}) as Body, rest.join("."), value);
  const { [head]: _, ...others } = object;
  return inner === undefined ? others : { ...others, [head]: inner };
};

export const SPEC: Body = { kubeconfigSecretRef: { namespace: "kube-bind", name: "acme" } };
export const BINDING_SPEC: Body = { connectionRef: { name: "acme" }, apis: [{ name: "widgets.example.org" }] };
export const RULE = { group: "", resource: "secrets", direction: "FromProvider" };

/** [what, changes of BINDING_SPEC] */
export const ACCEPTED_BINDING_CHANGES: [string, Body][] = [
  ["another Connection later", { connectionRef: { name: "other" } }],
  ["the same API twice", { apis: [{ name: "a.b" }, { name: "a.b" }] }],
  ["an API name of any form", { apis: [{ name: "Anything goes" }] }],
  ["conflictPolicy Adopt", { conflictPolicy: "Adopt" }],
  [
    "related ConfigMaps to the provider",
    { relatedResources: [{ ...RULE, resource: "configmaps", direction: "FromConsumer" }] },
  ],
  [
    "a selector of every form",
    {
      relatedResources: [
        {
          ...RULE,
          group: "any",
          selector: {
            names: ["a", "b"],
            labelSelector: {
              matchLabels: { a: "b" },
              matchExpressions: [
                { key: "c", operator: "In", values: ["d"] },
                { key: "e", operator: "Exists" },
              ],
            },
          },
        },
      ],
    },
  ],
];

/** [what, the spec or null for none, part of the server's answer] */
export const REFUSED_BINDINGS: [string, Body | null, string][] = [
  ["without a spec", null, "spec: Required value"],
  ["without a Connection", { apis: BINDING_SPEC["apis"] }, "connectionRef: Required value"],
  ["without the Connection's name", { ...BINDING_SPEC, connectionRef: {} }, "connectionRef.name: Required value"],
  ["with an empty Connection name", { ...BINDING_SPEC, connectionRef: { name: "" } }, "at least 1 chars long"],
  ["without APIs", { connectionRef: { name: "acme" } }, "apis: Required value"],
  ["with an empty list of APIs", { ...BINDING_SPEC, apis: [] }, "at least 1 items"],
  ["with an API without a name", { ...BINDING_SPEC, apis: [{}] }, "apis[0].name: Required value"],
  ["with an empty API name", { ...BINDING_SPEC, apis: [{ name: "" }] }, "at least 1 chars long"],
  ["with another conflictPolicy", { ...BINDING_SPEC, conflictPolicy: "Ignore" }, "conflictPolicy: Unsupported value"],
  [
    "with other related resources",
    { ...BINDING_SPEC, relatedResources: [{ ...RULE, resource: "pods" }] },
    "resource: Unsupported value",
  ],
  [
    "with another direction",
    { ...BINDING_SPEC, relatedResources: [{ ...RULE, direction: "Both" }] },
    "direction: Unsupported value",
  ],
  [
    "with a rule without a resource",
    { ...BINDING_SPEC, relatedResources: [{ direction: "FromProvider" }] },
    "resource: Required value",
  ],
  [
    "with a rule without a direction",
    { ...BINDING_SPEC, relatedResources: [{ resource: "secrets" }] },
    "direction: Required value",
  ],
  [
    "with a name twice in a selector",
    { ...BINDING_SPEC, relatedResources: [{ ...RULE, selector: { names: ["a", "a"] } }] },
    "Duplicate value",
  ],
  [
    "with a requirement without an operator",
    {
      ...BINDING_SPEC,
      relatedResources: [{ ...RULE, selector: { labelSelector: { matchExpressions: [{ key: "a" }] } } }],
    },
    "operator: Required value",
  ],
];
