// A provider like a kcp workspace: kcp's own groups are served beside the exported one, with schemas of their richness.

const text = { type: "string" };
const port = { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, text] };
const object = (properties: object, more: object = {}) => ({ type: "object", properties, ...more });
const array = (items: object, more: object = {}) => ({ type: "array", items, ...more });
const keyed = (...keys: string[]) => ({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys });
const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

const conditions = array(
  object(
    { type: text, status: text, reason: text, lastTransitionTime: { ...text, format: "date-time" } },
    { required: ["type", "status", "lastTransitionTime"] },
  ),
  keyed("type"),
);
const selector = object({
  matchLabels: { type: "object", additionalProperties: text },
  matchExpressions: array(
    object({ key: text, operator: text, values: array(text) }, { required: ["key", "operator"] }),
  ),
});
const quantities = { type: "object", additionalProperties: { ...port, pattern: "^[0-9]+[KMG]?i?$" } };
const reference = object({ path: { ...text, pattern: "^[a-z0-9:-]+$" }, name: text }, { required: ["name"] });
const claim = object(
  {
    group: { ...text, default: "" },
    resource: { ...text, pattern: "^[a-z][-a-z0-9]*[a-z0-9]$" },
    all: { type: "boolean" },
    resourceSelector: array(object({ name: text, namespace: text })),
    verbs: array(text, { minItems: 1, "x-kubernetes-list-type": "set" }),
  },
  {
    required: ["resource"],
    "x-kubernetes-validations": [
      { rule: "has(self.all) != has(self.resourceSelector)", message: "either all or a selector must be set" },
    ],
  },
);
const served = object(
  {
    name: { ...text, minLength: 1, maxLength: 63 },
    served: { type: "boolean" },
    storage: { type: "boolean" },
    deprecationWarning: { ...text, nullable: true },
    schema: open,
    additionalPrinterColumns: array(object({ name: text, type: text, jsonPath: text, priority: { type: "integer" } })),
  },
  { required: ["name", "served", "storage", "schema"] },
);

interface Kind {
  group: string;
  kind: string;
  versions?: string[];
  namespaced?: boolean;
  spec: object;
  status?: object;
}

const KINDS: Kind[] = [
  {
    group: "apis.kcp.io",
    kind: "APIExport",
    versions: ["v1alpha2", "v1alpha1"],
    spec: object({
      identity: object({ secretRef: object({ name: text, namespace: text }) }),
      permissionClaims: array(claim, keyed("group", "resource")),
      maximalPermissionPolicy: object({ local: object({}) }, { oneOf: [{ required: ["local"] }] }),
    }),
    status: object({ identityHash: text, conditions }),
  },
  {
    group: "apis.kcp.io",
    kind: "APIBinding",
    versions: ["v1alpha2", "v1alpha1"],
    spec: object(
      { reference: object({ export: reference }, { oneOf: [{ required: ["export"] }] }) },
      {
        required: ["reference"],
        "x-kubernetes-validations": [{ rule: "self.reference == oldSelf.reference", message: "is immutable" }],
      },
    ),
    status: object({
      boundResources: array(object({ group: text, resource: text, storageVersions: array(text) })),
      conditions,
    }),
  },
  {
    group: "apis.kcp.io",
    kind: "APIResourceSchema",
    spec: object(
      {
        names: object({ plural: text, kind: text }, { required: ["plural", "kind"] }),
        scope: { ...text, enum: ["Cluster", "Namespaced"] },
        versions: array(served, { ...keyed("name"), minItems: 1 }),
        conversion: object({ webhook: object({ port, caBundle: { ...text, format: "byte" } }) }),
      },
      { required: ["names", "scope", "versions"] },
    ),
  },
  {
    group: "cache.kcp.io",
    kind: "CachedResource",
    spec: object({ group: text, labelSelector: selector, limit: port }),
  },
  {
    group: "core.kcp.io",
    kind: "LogicalCluster",
    spec: object({ directlyDeletable: { type: "boolean", default: false }, owner: { ...open } }),
  },
  {
    group: "core.kcp.io",
    kind: "Shard",
    spec: object({ baseURL: { ...text, format: "uri", minLength: 1 }, capacity: quantities }),
    status: object({ capacity: quantities, conditions }),
  },
  {
    group: "tenancy.kcp.io",
    kind: "Workspace",
    spec: object({
      cluster: text,
      type: object({ path: text, name: text }),
      location: object({ selector }),
      mount: object({ ref: object({ apiVersion: text, kind: text, name: text }) }),
    }),
    status: object({ phase: { ...text, default: "Scheduling", enum: ["Scheduling", "Ready"] }, conditions }),
  },
  {
    group: "tenancy.kcp.io",
    kind: "WorkspaceType",
    spec: object({
      limitAllowedParents: object({ none: { type: "boolean" }, types: array(reference, { minItems: 1 }) }),
      extend: object({ with: array(reference) }, { default: {} }),
    }),
  },
  { group: "topology.kcp.io", kind: "Partition", spec: object({ selector, weight: port, ports: array(port) }) },
  {
    group: "example.org",
    kind: "Widget",
    namespaced: true,
    spec: object(
      {
        size: { type: "integer", minimum: 1 },
        port,
        mode: { ...text, enum: ["Fast", "Safe"], default: "Safe" },
        least: { type: "integer", default: 1 },
        most: { type: "integer" },
        tags: { type: "object", additionalProperties: text },
        limits: quantities,
      },
      {
        required: ["size"],
        "x-kubernetes-validations": [
          { rule: "!has(self.most) || self.least <= self.most", message: "the least is more than the most" },
        ],
      },
    ),
    status: object({ phase: text, conditions }),
  },
];

/** The group that such a provider exports; all others are kcp's own. */
export const EXPORTED_GROUP = "example.org";

export const KCP_GROUPS = [...new Set(KINDS.map(({ group }) => group))];

export const kcpCrds = (): object[] =>
  KINDS.map(({ group, kind, versions, namespaced, spec, status }) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.toLowerCase()}s.${group}` },
    spec: {
      group,
      names: { plural: `${kind.toLowerCase()}s`, kind, categories: ["kcp"] },
      scope: namespaced ? "Namespaced" : "Cluster",
      versions: (versions ?? ["v1alpha1"]).map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: {
          openAPIV3Schema: object(
            { spec, ...(status === undefined ? {} : { status }) },
            { description: `${kind}, ${name}.` },
          ),
        },
        subresources: { status: {} },
      })),
    },
  }));
