// The heartbeat Lease as it stands on a provider: one for each consumer cluster, whose renewals say that its konnector is
// alive. Names, marks and the format of its times; when it is written is decided in machines/rules/lease.ts.
// Rules: docs/reference/behaviour.md, "Heartbeat Lease".

import type { KubeObject } from "./kube-object.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import { apiVersionOf, LEASES } from "./resources.ts";

type LeaseSpec = {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  /** MicroTime. */
  acquireTime?: string;
  /** MicroTime. */
  renewTime?: string;
};

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

/** A `MicroTime`: exactly six digits after the point, where JavaScript writes three; an API server refuses any other. */
export const microTime = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, -1)}000Z`;

/** `consumer`: UID of the consumer cluster. */
export const leaseName = (consumer: string): string => `consumer-${consumer}`;

/** Who holds it; "" when nobody does. */
export const holderOf = (lease: Lease): string => lease.spec?.holderIdentity ?? "";

/** When it was renewed, in milliseconds; NaN when it says nothing that can be read. */
export const renewedAt = (lease: Lease): number => Date.parse(lease.spec?.renewTime ?? "");

export const isMarkedFor = ({ metadata }: Lease, consumer: string): boolean =>
  metadata.labels?.[LABEL.managed] === "true" && metadata.annotations?.[ANNOTATION.consumerClusterUid] === consumer;

const marks = (consumer: string, labels?: Record<string, string>, annotations?: Record<string, string>) => ({
  labels: { ...labels, [LABEL.managed]: "true" },
  annotations: { ...annotations, [ANNOTATION.consumerClusterUid]: consumer },
});

/** A Lease that does not exist yet, held by this consumer from now on. */
export const newLease = (consumer: string, namespace: string, seconds: number, now: number): unknown => ({
  apiVersion: apiVersionOf(LEASES),
  kind: LEASES.kind,
  metadata: { name: leaseName(consumer), namespace, ...marks(consumer) },
  spec: {
    holderIdentity: consumer,
    leaseDurationSeconds: seconds,
    acquireTime: microTime(now),
    renewTime: microTime(now),
  },
});

/**
 * The same Lease, renewed, on the condition that it is still as it was read. What others have put on it stays; the time
 * it was acquired is that of the first renewal after it had another holder, or none.
 */
export function renewedLease(lease: Lease, consumer: string, seconds: number, now: number): Lease {
  const { metadata, spec } = lease;
  const acquireTime = holderOf(lease) === consumer ? spec?.acquireTime : undefined;
  return {
    ...lease,
    metadata: { ...metadata, managedFields: undefined, ...marks(consumer, metadata.labels, metadata.annotations) },
    spec: {
      ...spec,
      holderIdentity: consumer,
      leaseDurationSeconds: seconds,
      acquireTime: acquireTime ?? microTime(now),
      renewTime: microTime(now),
    },
  };
}
