// Source CRD: the provider's definitions that carry the export label, watched. Where they may be listed but not watched
// they are listed at the resync interval; that is said, and the watch is tried again now and then.
// Keeps of each definition what decisions need; schemas are large and are read again when they are pulled.
// Rule: docs/reference/behaviour.md, "Schema sources".

import type { ExportedApi } from "../crds/connection.ts";
import { type Crd, hasWebhookConversion } from "../crds/definition-object.ts";
import { exportsOf, isDefinition } from "../crds/exports.ts";
import { keyOf, keyText, type KubeObject } from "../crds/kube-object.ts";
import { LABEL } from "../crds/labels.ts";
import { CRDS } from "../crds/resources.ts";
import type { Discovery } from "../machines/connection-facts.ts";
import { faultDelay } from "../machines/rules/backoff.ts";
import type { Labelled } from "../machines/rules/schema-source.ts";
import { createCache } from "./cache.ts";
import type { Watch } from "./ports.ts";
import { isStatus } from "./refusals.ts";
import { type Failure, failureOf, laterBy, type Source, type SourceEvents, type SourceTools } from "./source.ts";

export interface CrdSource extends Source {
  readonly kind: "CRD";
  labelled(): Labelled;
}

/** The watch is tried again after so many lists. */
const LISTS_PER_WATCH = 20;

/** Definitions that are taken of one provider. */
const MOST = 20_000;

const SELECTOR = { labelSelector: `${LABEL.exported}=true`, mostObjects: () => MOST };

/** Without what its author may write at any length. */
const essential = ({ apiVersion, kind, metadata }: KubeObject): KubeObject => {
  const { name, uid, resourceVersion, labels, deletionTimestamp } = metadata;
  const exported = labels?.[LABEL.exported];
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      uid,
      resourceVersion,
      ...(exported === undefined ? {} : { labels: { [LABEL.exported]: exported } }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
  };
};

const trimmed = (crd: Crd): Crd => ({
  ...essential(crd),
  spec: {
    group: crd.spec.group,
    names: { plural: crd.spec.names.plural, kind: crd.spec.names.kind },
    scope: crd.spec.scope,
    versions: crd.spec.versions.map(({ name, served, storage }) => ({ name, served, storage })),
    ...(crd.spec.conversion ? { conversion: { strategy: crd.spec.conversion.strategy } } : {}),
  },
  status: {},
});

const unwatched = (resync: number): string =>
  `customresourcedefinitions may be listed but not watched on the provider, so they are looked at every ${resync / 1000} s`;

const keysOf = (objects: readonly KubeObject[]): Set<string> => new Set(objects.map((one) => keyText(keyOf(one))));

/** `patience`: the least milliseconds until what was refused is asked for again. */
export function crdSource(tools: SourceTools, events: SourceEvents, patience = () => 0): CrdSource {
  const { cluster, clock, resync, before } = tools;
  let failure: Failure | null = null;
  let listsSinceWatch = 0;
  let refusals = 0;
  let closed = false;
  let watch: Watch | undefined;
  let cancel: (() => void) | undefined;

  const clear = (): void => {
    failure = null;
    events.discovery();
  };
  /** Computed once per change: a provider may export thousands. */
  let found: ExportedApi[] | null = null;
  const crds = createCache<Crd>({
    changed: (before, after) => {
      failure = null;
      found = null;
      const name = (after ?? before)?.metadata.name;
      if (crds.complete && name !== undefined) {
        events.offer(name);
        events.discovery();
      }
    },
    listed: clear,
    recovered: clear,
    failed: (error) => {
      failure = failureOf("list customresourcedefinitions on the provider", error);
      events.discovery();
    },
  });
  const { sink } = crds;
  const seen = (object: KubeObject): void => {
    // Twice: what is known, and what a new list says.
    const hasRoom = crds.size < 2 * MOST || crds.get(keyText(keyOf(object))) !== undefined;
    if (hasRoom && isDefinition(object)) sink.seen(trimmed(object));
  };

  const isNew = (present: readonly KubeObject[]): boolean =>
    !crds.complete ||
    present.length !== [...crds.values()].length ||
    present.some((one) => crds.get(keyText(keyOf(one)))?.metadata.resourceVersion !== one.metadata.resourceVersion);

  const look = async (): Promise<void> => {
    // What has not changed is not fetched: whole definitions are large.
    if (!isNew(await cluster.list(CRDS, { ...SELECTOR, metadataOnly: true }))) return;
    const trim = (object: KubeObject): KubeObject => (isDefinition(object) ? trimmed(object) : essential(object));
    const present = await cluster.list(CRDS, { ...SELECTOR, trim });
    if (closed) return;
    present.forEach(seen);
    sink.listed(keysOf(present));
  };

  const list = async (): Promise<void> => {
    try {
      await look();
      if (closed) return;
      refusals = 0;
      listsSinceWatch += 1;
      if (failure !== null || listsSinceWatch === 1) clear();
      cancel = laterBy(clock, resync, listsSinceWatch % LISTS_PER_WATCH === 0 ? follow : () => void list());
    } catch (error) {
      if (closed) return;
      refusals += 1;
      sink.failed(error as Parameters<typeof sink.failed>[0]);
      cancel = laterBy(clock, Math.max(patience(), faultDelay(refusals)), follow);
    }
  };

  function follow(): void {
    watch = cluster.watch(CRDS, SELECTOR, {
      ...sink,
      seen,
      listed: (keys) => {
        listsSinceWatch = 0;
        refusals = 0;
        sink.listed(keys);
      },
      failed: (error) => {
        if (!isStatus(error, 403)) return sink.failed(error);
        watch?.stop();
        void list();
      },
    });
  }
  follow();

  const exports = () => (crds.complete ? (found ??= exportsOf([...crds.values()])) : null);
  /** …and while the first list fails, what was exported before. */
  const kept = (): ExportedApi[] | null => exports() ?? (failure === null || before === null ? null : [...before]);

  const discovery = (): Discovery => {
    if (failure !== null) return { state: "failed", source: "CRD", ...failure, exports: kept() };
    const known = exports();
    if (known === null) return { state: "unknown" };
    return {
      state: "complete",
      source: "CRD",
      exports: known,
      missing: [],
      note: listsSinceWatch > 0 ? unwatched(resync) : "",
    };
  };
  return {
    kind: "CRD",
    discovery,
    labelled() {
      if (crds.complete) return [...crds.values()].length > 0 ? "some" : "none";
      if (failure === null) return "unknown";
      return failure.fault === "forbidden" ? "forbidden" : "failed";
    },
    offer(name) {
      const api = kept()?.find((exported) => exported.name === name);
      if (api === undefined) return undefined;
      const crd = crds.complete ? crds.get(`/${name}`) : undefined;
      if (crd === undefined) return { api, version: "crd/before", webhookConversion: false };
      return { api, version: `crd/${crd.metadata.resourceVersion}`, webhookConversion: hasWebhookConversion(crd) };
    },
    async definition(api) {
      // What may have changed since is not taken over; what is installed goes on.
      if (!crds.complete) throw new Error(failure?.message ?? "its definitions are being listed");
      return (await cluster.get(CRDS, { namespace: "", name: api })) as Crd;
    },
    close() {
      closed = true;
      cancel?.();
      watch?.stop();
    },
  };
}
