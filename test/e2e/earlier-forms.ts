// What an earlier konnector left in clusters, made anew: its copies have annotations but no label of the consumer, its applies
// carried the spec only, it mirrored the status as it was, it took a definition's labels, annotations and finalizers along and
// hashed its spec in another way, and its statuses have no conditions for single APIs. The forms are those of
// docs/reference/behaviour.md, "Taking over".

import { ANNOTATION, FIELD_MANAGER, FINALIZER, LABEL } from "../../crds/labels.ts";
import { leaseName, microTime } from "../../crds/lease.ts";
import {
  apiVersionOf,
  CLUSTER_BINDINGS,
  CONNECTIONS,
  CRDS,
  LEASES,
  NAMESPACES,
  SECRETS,
} from "../../crds/resources.ts";
import type { Key, Resource } from "../../crds/kube-object.ts";
import type { Landscape, Side } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body, pathOf } from "./objects.ts";

/** What the earlier one took over from the provider's definition with everything else. */
export const BAGGAGE = {
  labels: { [LABEL.exported]: "true", "app.kubernetes.io/managed-by": "Helm" },
  annotations: { "meta.helm.sh/release-name": "widgets" },
  finalizers: ["example.org/provider-side"],
};

/** The definition on this cluster. */
export async function earlierDefinition({ consumer }: Landscape, type: Resource, connection: string): Promise<Body> {
  const { spec, ...rest } = manifests.apiDefinition(type);
  const annotations = { [ANNOTATION.connection]: connection, [ANNOTATION.schemaHash]: "sha256:0123456789abcdef" };
  const metadata = {
    ...rest.metadata,
    ...BAGGAGE,
    labels: { ...BAGGAGE.labels, [LABEL.managed]: "true" },
    annotations: { ...BAGGAGE.annotations, ...annotations },
  };
  return consumer.objects.create(CRDS, { ...rest, metadata, spec: { ...spec, conversion: { strategy: "None" } } });
}

/** An object here, held by the finalizer, showing that status as the provider had it. */
export async function earlierObject(
  { consumer }: Landscape,
  type: Resource,
  { namespace, name }: Key,
  { status, annotations = {} }: { status?: Body; annotations?: Body } = {},
): Promise<Body> {
  const body = manifests.instance(type, name, namespace, { size: "small", count: 3 });
  const metadata = { ...body.metadata, annotations, finalizers: [FINALIZER.syncer] };
  const made = await consumer.objects.create(type, { ...body, metadata });
  if (status === undefined) return made;
  return consumer.objects.merge(type, at(name, namespace), { status }, "status");
}

/** Its copy: "Apply" as it was written as a rule, "Update" where it was written by POST. */
export async function earlierCopy(
  { provider }: Landscape,
  type: Resource,
  mine: Body,
  clusterUid: string,
  operation: "Apply" | "Update",
  status?: Body,
): Promise<Body> {
  const { name, namespace, uid } = mine.metadata;
  const annotations = { [ANNOTATION.consumerClusterUid]: clusterUid, [ANNOTATION.consumerObjectUid]: uid };
  const metadata = { name, namespace, labels: { [LABEL.managed]: "true" }, annotations };
  const body = { apiVersion: apiVersionOf(type), kind: type.kind, metadata, spec: mine.spec };
  const by = `fieldManager=${FIELD_MANAGER}`;
  const { admin } = provider.plane;
  const answer =
    operation === "Apply"
      ? await admin.request(
          "PATCH",
          `${pathOf(type, namespace, name)}?${by}&force=true`,
          body,
          "application/apply-patch+yaml",
        )
      : await admin.request("POST", `${pathOf(type, namespace)}?${by}`, body);
  if (answer.status >= 300) throw new Error(answer.text);
  if (status === undefined) return answer.body;
  return provider.objects.merge(type, at(name, namespace), { status }, "status");
}

/** A namespace of the provider that was made for copies: the identity stands in a label alone. */
export const earlierNamespace = ({ objects }: Side, name: string, clusterUid: string): Promise<Body> =>
  objects.create(NAMESPACES, {
    metadata: { name, labels: { [LABEL.managed]: "true", [LABEL.consumerClusterUid]: clusterUid } },
  });

export const earlierLease = ({ objects }: Side, clusterUid: string, time: number): Promise<Body> =>
  objects.create(LEASES, {
    apiVersion: apiVersionOf(LEASES),
    kind: LEASES.kind,
    metadata: {
      name: leaseName(clusterUid),
      namespace: manifests.LEASE_NAMESPACE,
      labels: { [LABEL.managed]: "true" },
      annotations: { [ANNOTATION.consumerClusterUid]: clusterUid },
    },
    spec: {
      holderIdentity: clusterUid,
      leaseDurationSeconds: 60,
      acquireTime: microTime(time),
      renewTime: microTime(time),
    },
  });

const isReady = (reason: string): Body => ({
  type: "Ready",
  status: "True",
  reason,
  message: "all APIs installed",
  lastTransitionTime: "2030-01-01T00:00:00Z",
});

/** Secret, Connection and ClusterBinding, each held by the finalizer, with statuses as the earlier one wrote them. */
export async function earlierBundle(
  { consumer: { objects } }: Landscape,
  name: string,
  type: Resource,
  kubeconfig: string,
  pins: { localClusterUID: string; remoteClusterUID: string },
): Promise<void> {
  const held = (body: Body) => ({ ...body, metadata: { ...body.metadata, finalizers: [FINALIZER.cleanup] } });
  await objects.create(CONNECTIONS, held(manifests.connection(name)));
  await objects.merge(
    CONNECTIONS,
    at(name),
    { status: { ...pins, activeSchemaSource: "CRD", conditions: [isReady("AsExpected")] } },
    "status",
  );
  await objects.create(CLUSTER_BINDINGS, held(manifests.clusterBinding(name, [type])));
  const bound = { name: manifests.apiName(type), crdHash: "sha256:0123456789abcdef", conflictCount: 0 };
  const status = { boundAPIs: [bound], conditions: [isReady("AsExpected")] };
  await objects.merge(CLUSTER_BINDINGS, at(name), { status }, "status");
  await objects.create(SECRETS, held(manifests.secret(name, kubeconfig)));
}
