// What a provider offers, read from its labelled CustomResourceDefinitions.
// Rules: docs/reference/behaviour.md, "Schema sources".

import type { ExportedApi } from "./connection.ts";
import type { Crd } from "./definition-object.ts";
import { isRecord, type Json } from "./json.ts";
import { isDeleting, type KubeObject } from "./kube-object.ts";
import { LABEL } from "./labels.ts";

/** Whether the provider's operator has labelled it for export: the value must be exactly "true". */
const isLabelled = (crd: Crd): boolean => crd.metadata.labels?.[LABEL.exported] === "true";

const exportOf = (crd: Crd): ExportedApi => ({
  name: crd.metadata.name,
  group: crd.spec.group,
  resource: crd.spec.names.plural,
  scope: crd.spec.scope,
  versions: crd.spec.versions.filter((version) => version.served).map((version) => version.name),
});

/**
 * The exported APIs among the provider's CRDs, sorted by name; those being deleted or without a served version are not
 * exported. The versions are the served ones, in the provider's order.
 */
export const exportsOf = (crds: readonly Crd[]): ExportedApi[] =>
  crds
    .filter((crd) => isLabelled(crd) && !isDeleting(crd))
    .map(exportOf)
    .filter((api) => api.versions.length > 0)
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));

const DOMAIN = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const LABEL_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const KIND = /^[A-Za-z][A-Za-z0-9-]{0,62}$/;
const MOST_VERSIONS = 100;

const isText = (value: Json | undefined, form: RegExp): boolean => typeof value === "string" && form.test(value);

const areVersions = (value: Json | undefined): boolean =>
  Array.isArray(value) &&
  value.length <= MOST_VERSIONS &&
  value.every((version) => isRecord(version) && isText(version["name"], LABEL_NAME));

const isNamed = (name: string, plural: Json | undefined, group: Json | undefined): boolean =>
  typeof plural === "string" && typeof group === "string" && name === `${plural}.${group}`;

/**
 * Is it a definition as an API server lets them be? What else calls itself one comes from a server that is none, and goes
 * neither into a status nor into a request.
 */
export const isDefinition = (object: KubeObject): object is Crd => {
  const { spec } = object;
  if (spec === undefined || !isRecord(spec)) return false;
  const { group, names, scope, versions } = spec;
  if (names === undefined || !isRecord(names)) return false;
  return (
    isText(group, DOMAIN) &&
    isText(names["plural"], LABEL_NAME) &&
    isText(names["kind"], KIND) &&
    isNamed(object.metadata.name, names["plural"], group) &&
    isText(scope, /^(Namespaced|Cluster)$/) &&
    areVersions(versions)
  );
};

/** Bytes of `exportedAPIs` in a status: an API server takes 1.5 MB of an object, and there is more in it. */
const STATUS_ROOM = 512 * 1024;

/** As many of them, in order, as a Connection's status has room for. */
export const thatFit = (exports: readonly ExportedApi[]): ExportedApi[] => {
  let size = 0;
  const end = exports.findIndex((api) => (size += JSON.stringify(api).length + 1) > STATUS_ROOM);
  return end === -1 ? [...exports] : exports.slice(0, end);
};

/** The same of an API that discovery shows. */
export const isSoundApi = ({ group, resource, versions }: ExportedApi, kind: string): boolean =>
  isText(group, DOMAIN) &&
  isText(resource, LABEL_NAME) &&
  isText(kind, KIND) &&
  versions.length <= MOST_VERSIONS &&
  versions.every((version) => isText(version, LABEL_NAME));
