// Builds the CustomResourceDefinition to install here from the provider's. Pure; whether it may be installed over what is
// there already is decided in ownership.ts.
// Rules: docs/reference/behaviour.md, "Schema pull".

import { schemaHash } from "./canonical.ts";
import type { Crd, CrdSpec, CrdVersion } from "./definition-object.ts";
import { syncedVersion } from "./definition-object.ts";
import type { JsonObject } from "./json.ts";
import { isRecord } from "./json.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import { CRDS, apiVersionOf } from "./resources.ts";

/** The body of a first write. */
export interface CrdManifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels: Record<string, string>; annotations: Record<string, string> };
  spec: CrdSpec;
}

export interface PulledCrd {
  manifest: CrdManifest;
  /** Hash of the spec, as in the schema-hash annotation. */
  hash: string;
  /** Name of the version that is served here, one that the provider serves. */
  version: string;
}

/** The provider's only annotation that is taken over: API servers demand it for groups under kubernetes.io. */
const API_APPROVED = "api-approved.kubernetes.io";

const PRESERVE_UNKNOWN = "x-kubernetes-preserve-unknown-fields";

/** A version of a CRD from before structural schemas: what was preserved by a flag is now preserved by the schema. */
const preservingUnknown = (version: CrdVersion): CrdVersion => {
  const schema = isRecord(version["schema"]) ? version["schema"] : {};
  const root = isRecord(schema["openAPIV3Schema"]) ? schema["openAPIV3Schema"] : {};
  const openAPIV3Schema: JsonObject = { type: "object", ...root, [PRESERVE_UNKNOWN]: true };
  return { ...version, schema: { ...schema, openAPIV3Schema } };
};

const modern = (crd: Crd, version: CrdVersion): CrdVersion =>
  crd.spec.preserveUnknownFields === true ? preservingUnknown(version) : version;

/**
 * Versions that objects here may still be stored in: an API server refuses an update that drops one. They are neither
 * served nor stored in, and carry their schema only (the provider's if it still has them): an API server also refuses
 * selectable fields or columns that are the same in all versions while their schemas differ.
 */
const storedBefore = (provider: Crd, existing: Crd | undefined, kept: string): CrdVersion[] =>
  (existing?.status?.storedVersions ?? []).flatMap((name) => {
    if (name === kept) return [];
    const named = (version: CrdVersion): boolean => version.name === name;
    const fromProvider = provider.spec.versions.find(named);
    const version = fromProvider === undefined ? existing?.spec.versions.find(named) : modern(provider, fromProvider);
    return version === undefined ? [] : [{ name, served: false, storage: false, schema: version["schema"] ?? {} }];
  });

const buildSpec = (provider: Crd, kept: CrdVersion, existing: Crd | undefined, names: CrdSpec["names"]): CrdSpec => ({
  group: provider.spec.group,
  names,
  scope: provider.spec.scope,
  versions: [
    { ...modern(provider, kept), served: true, storage: true },
    ...storedBefore(provider, existing, kept.name),
  ],
  conversion: { strategy: "None" },
});

/**
 * The CRD to install for a provider's CRD that came through `connection`; undefined if the provider serves no version.
 * `existing` is what is installed here under that name, if anything: its stored versions are kept. Of the provider's
 * labels, annotations, finalizers and owners nothing is taken over but the annotation api-approved.kubernetes.io.
 * `names`: instead of the provider's, where some are taken here.
 */
export const consumerCrd = (
  provider: Crd,
  connection: string,
  existing?: Crd,
  names = provider.spec.names,
): PulledCrd | undefined => {
  const kept = syncedVersion(provider);
  if (kept === undefined) return undefined;
  const spec = buildSpec(provider, kept, existing, names);
  const hash = schemaHash(spec);
  const approved = provider.metadata.annotations?.[API_APPROVED];
  const manifest: CrdManifest = {
    apiVersion: apiVersionOf(CRDS),
    kind: CRDS.kind,
    metadata: {
      name: provider.metadata.name,
      labels: { [LABEL.managed]: "true" },
      annotations: {
        [ANNOTATION.connection]: connection,
        [ANNOTATION.schemaHash]: hash,
        ...(approved === undefined ? {} : { [API_APPROVED]: approved }),
      },
    },
    spec,
  };
  return { manifest, hash, version: kept.name };
};
