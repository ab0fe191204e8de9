// The small kinds of one side of the scripted API server (definitions, our own kinds, Secrets, Leases, namespaces): bodies kept as
// they come. Fakes: no schema, so defaults are for whoever creates; an apply merges and nobody owns fields; a definition is
// established at once; Events are counted by whoever asks and dropped here.

import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { KubeObject, Resource } from "../../crds/kube-object.ts";
import { apiVersionOf, CRDS } from "../../crds/resources.ts";
import { type Answer, type Collection, conflict, type Ledger, notFound, success } from "./collection.ts";
import { type Operation, patched } from "./json-patch.ts";

interface Slot {
  body: KubeObject;
  version: number;
  created: number;
  gone: boolean;
}

export interface Small extends Collection {
  get(key: string): Answer;
  has(key: string): boolean;
  create(body: KubeObject): Answer;
  replace(key: string, body: KubeObject): Answer;
  apply(key: string, body: KubeObject): Answer;
  patch(key: string, operations: readonly Operation[]): Answer;
  delete(key: string, preconditions: { uid?: string; resourceVersion?: string }): Answer;
}

export const smallKey = (namespace: string | undefined, name: string): string => `${namespace ?? ""}/${name}`;

const keyOf = ({ metadata }: KubeObject): string => smallKey(metadata.namespace, metadata.name);

const CONDITIONS = ["NamesAccepted", "Established"].map((type) => ({ type, status: "True", reason: type }));

/** What an API server makes of a definition within a moment. */
const established = (body: KubeObject): KubeObject => {
  const { names, versions } = body.spec as { names: unknown; versions: { name: string; storage: boolean }[] };
  const storedVersions = versions.filter(({ storage }) => storage).map(({ name }) => name);
  return { ...body, status: { conditions: CONDITIONS, acceptedNames: names, storedVersions } } as KubeObject;
};

const merged = (known: unknown, given: unknown): unknown => {
  const areRecords = [known, given].every((one) => typeof one === "object" && one !== null && !Array.isArray(one));
  if (!areRecords) return given;
  const members = Object.entries(given as object).map(([name, value]) => [
    name,
    merged((known as Record<string, unknown>)[name], value),
  ]);
  return { ...(known as object), ...Object.fromEntries(members) };
};

/** Its deletion counts as a change of what is wanted, too. */
const isNewGeneration = (before: KubeObject, after: KubeObject): boolean =>
  !isDeepStrictEqual(after.spec, before.spec) || after.metadata.deletionTimestamp !== before.metadata.deletionTimestamp;

export function createSmall(resource: Resource, ledger: Ledger): Small {
  const slots: Slot[] = [];
  const places = new Map<string, number>();

  const find = (key: string): Slot => {
    const place = places.get(key);
    if (place === undefined) throw notFound(`${resource.resource} "${key.slice(key.indexOf("/") + 1)}" not found`);
    return slots[place] as Slot;
  };

  const put = (place: number, slot: Slot): Answer => {
    slots[place] = slot;
    if (slot.gone) places.delete(keyOf(slot.body));
    ledger.changed(small, place);
    return { status: 200, text: small.text(place) };
  };

  /** The next state of what is there. */
  const change = (key: string, next: KubeObject): Answer => {
    const known = find(key);
    if (isDeepStrictEqual(next, known.body)) return { status: 200, text: JSON.stringify(next) };
    const { uid, resourceVersion, generation = 1, creationTimestamp } = known.body.metadata;
    if (next.metadata.uid !== uid || next.metadata.resourceVersion !== resourceVersion)
      throw conflict(`${resource.resource} "${known.body.metadata.name}" has been modified`);
    const metadata = {
      ...next.metadata,
      resourceVersion: String(++ledger.version),
      generation: generation + Number(isNewGeneration(known.body, next)),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    };
    const isFree = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    const body = { ...next, metadata };
    return put(places.get(key) as number, { ...known, body, version: ledger.version, gone: known.gone || isFree });
  };

  const small: Small = {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    slots: () => slots.length,
    versionOf: (slot) => slots[slot]?.version ?? 0,
    isGone: (slot) => slots[slot]?.gone ?? true,
    isNew: (slot) => slots[slot]?.version === slots[slot]?.created,
    isIn: (slot, { namespace, name, labels }) => {
      const metadata = slots[slot]?.body.metadata;
      return (
        metadata !== undefined &&
        (namespace === "" || metadata.namespace === namespace) &&
        (name === "" || metadata.name === name) &&
        labels.every(([label, value]) => metadata.labels?.[label] === value)
      );
    },
    text: (slot) => JSON.stringify(slots[slot]?.body),
    get: (key) => ({ status: 200, text: JSON.stringify(find(key).body) }),
    has: (key) => places.has(key),
    create(body) {
      if (places.has(keyOf(body))) throw conflict(`${resource.resource} "${body.metadata.name}" already exists`);
      const version = ++ledger.version;
      const made = { uid: randomUUID(), resourceVersion: String(version), generation: 1 };
      const metadata = { ...made, creationTimestamp: new Date().toISOString(), ...body.metadata };
      const given: KubeObject = { ...body, apiVersion: small.apiVersion, kind: small.kind, metadata };
      const whole = resource.resource === CRDS.resource ? established(given) : given;
      places.set(keyOf(body), slots.length);
      return { ...put(slots.length, { body: whole, version, created: version, gone: false }), status: 201 };
    },
    replace: (key, body) => change(key, { ...body, metadata: { ...find(key).body.metadata, ...body.metadata } }),
    apply: (key, body) =>
      places.has(key) ? change(key, merged(find(key).body, body) as KubeObject) : small.create(body),
    patch: (key, operations) => change(key, patched(find(key).body, operations)),
    delete(key, { uid }) {
      const { body, ...known } = find(key);
      if (uid !== undefined && uid !== body.metadata.uid) throw conflict("Precondition failed");
      if ((body.metadata.finalizers ?? []).length > 0) {
        const metadata = { ...body.metadata, deletionTimestamp: new Date().toISOString() };
        return change(key, { ...body, metadata });
      }
      put(places.get(key) as number, { ...known, body, version: ++ledger.version, gone: true });
      return { status: 200, text: success };
    },
  };
  return small;
}
