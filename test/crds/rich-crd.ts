// A provider's definition with everything that must, or must not, travel: several versions, labels, annotations, a
// finalizer, short names, categories, columns, defaults, CEL rules, subresources.

const schema = (description: string) => ({
  openAPIV3Schema: {
    type: "object",
    description,
    required: ["spec"],
    properties: {
      spec: {
        type: "object",
        required: ["size"],
        properties: {
          size: { type: "integer", format: "int32" },
          engine: { type: "string", enum: ["postgres", "mysql"], default: "postgres" },
          port: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
          extra: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
          users: {
            type: "array",
            items: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
          },
        },
        "x-kubernetes-validations": [{ rule: "self.size <= 10", message: "at most 10" }],
      },
      status: { type: "object", properties: { phase: { type: "string" }, replicas: { type: "integer" } } },
    },
  },
});

const version = (name: string, served: boolean, storage: boolean) => ({
  name,
  served,
  storage,
  ...(name.includes("beta") ? { deprecated: true, deprecationWarning: `${name} is deprecated` } : {}),
  schema: schema(`A database, ${name}.`),
  subresources: { status: {}, scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.replicas" } },
  additionalPrinterColumns: [{ name: "Phase", type: "string", jsonPath: ".status.phase" }],
  ...(/alpha|beta/.test(name) ? {} : { selectableFields: [{ jsonPath: ".spec.engine" }] }),
});

/** databases.<group>, stored in v1 (or in `storage` beside v1). */
export const richCrd = (group: string, storage: "v1" | "v2" = "v1") => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: `databases.${group}`,
    labels: { "core.kube-bind.io/exported": "true", "app.kubernetes.io/managed-by": "Helm" },
    annotations: { "meta.helm.sh/release-name": "databases", "argocd.argoproj.io/tracking-id": "x" },
    finalizers: ["provider.example.org/keep"],
  },
  spec: {
    group,
    names: {
      plural: "databases",
      singular: "database",
      kind: "Database",
      listKind: "DatabaseList",
      shortNames: ["db", "dbs"],
      categories: ["all"],
    },
    scope: "Namespaced",
    versions: [
      version("v1alpha1", false, false),
      version("v1beta1", true, false),
      version("v1", true, storage === "v1"),
      ...(storage === "v2" ? [version("v2", true, true)] : []),
    ],
  },
});
