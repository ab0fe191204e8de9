// The consumer's own objects that steer the konnector: Connections, bindings, the Secrets of the konnector's namespace,
// and CRDs (metadata only). Kept whole in memory, because they are few. Answers the questions that actors ask of them;
// which actor to wake after a change is the supervisor's business.

import { isKeptNow } from "../crds/auto-binding.ts";
import type { AnyBinding, Binding, ClusterBinding } from "../crds/binding.ts";
import { connectionsOf } from "../crds/bound-connection.ts";
import type { Connection } from "../crds/connection.ts";
import {
  type ApiName,
  hasFinalizer,
  isDeleting,
  type Key,
  keyOf,
  keyText,
  type KubeObject,
  type Resource,
} from "../crds/kube-object.ts";
import { ANNOTATION, FINALIZER, LABEL } from "../crds/labels.ts";
import { isPaused } from "../crds/pausing.ts";
import { isReleased } from "../crds/releasing.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../crds/resources.ts";
import type { BindingView } from "../machines/rules/governing.ts";
import { type Cache, type Changed, createCache } from "./cache.ts";
import { courseOf } from "./course.ts";
import { isOther, recalling } from "./recall.ts";

export interface Secret extends KubeObject {
  data?: Record<string, string>;
}

export interface DirectoryEvents {
  connection: Changed<Connection>;
  binding: Changed<AnyBinding>;
  secret: Changed<Secret>;
  crd: Changed<KubeObject>;
  /** One that is missing from a list, as it is now. Never rejects. */
  lookUp?: (resource: Resource, key: Key) => Promise<KubeObject | undefined>;
  /** One of the lists has become complete. */
  listed: () => void;
}

export interface Directory {
  readonly connections: Cache<Connection>;
  readonly clusterBindings: Cache<ClusterBinding>;
  readonly bindings: Cache<Binding>;
  readonly secrets: Cache<Secret>;
  /** Metadata only: `PartialObjectMetadata`. */
  readonly crds: Cache<KubeObject>;
  /** True once every list above has been seen whole. Nothing is decided before. */
  readonly complete: boolean;
  /** Every binding of both kinds, deleting or not. */
  allBindings(): AnyBinding[];
  /** Those that name the Connection, or have not let go of it yet. */
  bindingsOf(connection: string): AnyBinding[];
  binding(namespace: string, name: string): AnyBinding | undefined;
  connection(name: string): Connection | undefined;
  /** CRDs of ours that came through the Connection. */
  crdsOf(connection: string): KubeObject[];
}

export function createDirectory(events: DirectoryEvents): Directory {
  const { listed } = events;
  const looking = <T extends KubeObject>(resource: Resource) => {
    const { lookUp } = events;
    return { lookUp: lookUp && ((key: Key) => lookUp(resource, key) as Promise<T | undefined>) };
  };
  const connections = createCache<Connection>({
    ...looking(CONNECTIONS),
    changed(before, after) {
      if (isOther(before, after)) forget();
      events.connection(before, after);
    },
    listed,
  });
  const bindingChanged: Changed<AnyBinding> = (before, after) => {
    if (isOther(before, after)) forget();
    events.binding(before, after);
  };
  const clusterBindings = createCache<ClusterBinding>({
    ...looking(CLUSTER_BINDINGS),
    changed: bindingChanged,
    listed,
  });
  const bindings = createCache<Binding>({ ...looking(BINDINGS), changed: bindingChanged, listed });
  const secrets = createCache<Secret>({ ...looking(SECRETS), changed: events.secret, listed });
  const crds = createCache<KubeObject>({ ...looking(CRDS), changed: events.crd, listed });
  const allBindings = (): AnyBinding[] => [...clusterBindings.values(), ...bindings.values()];
  const directory: Directory = {
    connections,
    clusterBindings,
    bindings,
    secrets,
    crds,
    get complete() {
      return [connections, clusterBindings, bindings, secrets, crds].every((cache) => cache.complete);
    },
    allBindings,
    bindingsOf: (connection) => allBindings().filter((binding) => connectionsOf(binding).includes(connection)),
    binding: (namespace, name) =>
      namespace === "" ? clusterBindings.get(keyText({ namespace, name })) : bindings.get(keyText({ namespace, name })),
    connection: (name) => connections.get(keyText({ namespace: "", name })),
    crdsOf: (connection) => [...crds.values()].filter((crd) => ownerConnection(crd) === connection),
  };
  const forget = recalling(directory);
  return directory;
}

/** The Connection that a managed CRD came through, or undefined. */
export const ownerConnection = (crd: KubeObject): string | undefined =>
  crd.metadata.labels?.[LABEL.managed] === "true" ? crd.metadata.annotations?.[ANNOTATION.connection] : undefined;

type Connections = Pick<Directory, "connection">;

/** The Connection, to be named in a message, if it is paused; else "". */
export function connectionPause({ connection }: Connections, name: string): string {
  const found = connection(name);
  return found !== undefined && isPaused(found) ? `Connection ${name}` : "";
}

/** What stops every write for a binding, itself or its Connection, to be named in a message; "" for nothing. */
export const pauseOf = (directory: Connections, binding: AnyBinding): string =>
  isPaused(binding)
    ? `${binding.kind} ${binding.metadata.name}`
    : connectionPause(directory, courseOf(directory, binding).through);

/** The APIs a binding lists, each once, in its order. */
export const listedApis = (binding: AnyBinding): ApiName[] => [...new Set(binding.spec.apis.map((api) => api.name))];

/** The APIs that its status names: those whose objects may have been touched for it. */
export const recordedApis = (binding: AnyBinding): ApiName[] =>
  (binding.status?.boundAPIs ?? []).map(({ name }) => name);

/** The APIs a binding still answers for: those it lists and those its status says it has not let go of. */
export const answeredApis = (binding: AnyBinding): ApiName[] => [
  ...new Set([...listedApis(binding), ...recordedApis(binding)]),
];

/**
 * A binding reduced to what governs. One that `autoBind` keeps lets go of nothing: what a user takes out of it is put back,
 * and only what has no objects left is taken out by us. `unwritable`: its status cannot be written, so that nothing can be
 * waited for to stand in it. `overdue`: its drain has taken as long as it may.
 */
export function viewOf(
  directory: Connections,
  binding: AnyBinding,
  { unwritable, overdue }: { unwritable: boolean; overdue: boolean },
): BindingView {
  const { stage, through } = courseOf(directory, binding);
  const deleting = isDeleting(binding);
  // What leaves its provider is as good as taken out of the binding there.
  const apis = stage === "draining" && !deleting ? [] : listedApis(binding);
  const isKept = isKeptNow(directory.connection(through), binding);
  const { namespace, name } = keyOf(binding);
  return {
    kind: binding.kind,
    connection: through,
    namespace,
    name,
    created: binding.metadata.creationTimestamp ?? "",
    // Until it is known where it goes nothing is done for it, and nothing against it.
    claimed: hasFinalizer(binding, FINALIZER.cleanup) && stage !== "waiting",
    deleting,
    letGo: isReleased(binding) || (deleting && overdue),
    paused: pauseOf(directory, binding),
    adopt: binding.spec.conflictPolicy === "Adopt",
    apis,
    recorded: unwritable ? apis : recordedApis(binding),
    leaving: isKept ? [] : answeredApis(binding).filter((api) => !apis.includes(api)),
  };
}
