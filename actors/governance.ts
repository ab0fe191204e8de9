// Which binding decides over an object, and which Connection acts for it. Connections that lead to the same provider share
// its definitions and copies, so their bindings are weighed together; the one that governs says through which Connection
// the object is synced, and every other one leaves it alone. Nothing is remembered: the bindings are read as they are.
// Rules: docs/reference/behaviour.md, "Governing binding" and "Schema pull".

import { type AnyBinding } from "../crds/binding.ts";
import { connectionsOf } from "../crds/bound-connection.ts";
import { type ApiName, isDeleting } from "../crds/kube-object.ts";
import { ownerOf } from "../crds/ownership.ts";
import type { Gate } from "../machines/object-facts.ts";
import { type BindingView, rule, type Ruled } from "../machines/rules/governing.ts";
import { pullsEverything } from "../machines/rules/pulling.ts";
import { answeredApis, connectionPause, listedApis, viewOf } from "./directory.ts";
import { type Engine, phaseOf } from "./engine.ts";
import { recall } from "./recall.ts";
import type { Syncer } from "./syncer.ts";

export const remoteUid = (engine: Engine, connection: string): string =>
  engine.directory.connection(connection)?.status?.remoteClusterUID ?? "";

/** Which Connections lead to the same provider as this one, as far as their pins say; for many of them at once. */
const peersOf = (engine: Engine, connection: string): ((other: string) => boolean) => {
  const uid = remoteUid(engine, connection);
  return (other) => other === connection || (uid !== "" && uid === remoteUid(engine, other));
};

export const isPeer = (engine: Engine, connection: string, other: string): boolean =>
  peersOf(engine, connection)(other);

/** Every binding, deleting or not, that has to do with the Connection or with one to the same provider. */
export const peerBindings = (engine: Engine, connection: string): AnyBinding[] => {
  const isOnes = peersOf(engine, connection);
  return engine.directory.allBindings().filter((binding) => connectionsOf(binding).some(isOnes));
};

export const viewNow = ({ directory, unwritable, overdue }: Engine, binding: AnyBinding): BindingView => {
  const { uid } = binding.metadata;
  return viewOf(directory, binding, { unwritable: unwritable.has(uid), overdue: overdue.has(uid) });
};

/** Beside the bindings, what their views depend on; almost always nothing. */
export const beside = ({ unwritable, overdue }: Engine): string => [...unwritable, "/", ...overdue].join(" ");

/** Those whose objects go through one of them, reduced to what governs. */
export const viewsOf = (engine: Engine, connection: string): BindingView[] =>
  recall(engine.directory, `views of the peers of ${connection} ${beside(engine)}`, () => {
    const isOnes = peersOf(engine, connection);
    return peerBindings(engine, connection)
      .map((binding) => viewNow(engine, binding))
      .filter((view) => isOnes(view.connection));
  });

/** What all of them mean for objects of the API in the namespace. */
const ruleIn = (engine: Engine, { connection, api }: Syncer, namespace: string): Ruled =>
  recall(engine.directory, `rule for ${connection} ${api} ${namespace} ${beside(engine)}`, () =>
    rule(viewsOf(engine, connection), api, namespace),
  );

/** Live or coming bindings, of Connections other than the syncer's, that list its API. */
const wantedThrough = (engine: Engine, { api, connection }: Syncer): AnyBinding[] =>
  engine.directory
    .allBindings()
    .filter(
      (binding) =>
        binding.spec.connectionRef.name !== connection && !isDeleting(binding) && listedApis(binding).includes(api),
    );

/**
 * Does the policy of that Connection want the API's definition here, whether or not a binding lists it? While it is not
 * engaged, its status tells what it exports, as far as there was room.
 */
export const isEager = (engine: Engine, connection: string, api: ApiName): boolean => {
  const found = engine.directory.connection(connection);
  if (found === undefined || !pullsEverything(found)) return false;
  if (engine.engagements.get(connection)?.offer(api) !== undefined) return true;
  return (found.status?.exportedAPIs ?? []).some(({ name }) => name === api);
};

/** Does a binding, or a policy, of the provider that a Connection leads to have anything to do with the API's definition here? */
export const isHeldBy = (engine: Engine, connection: string, api: ApiName): boolean => {
  const isOnes = peersOf(engine, connection);
  return (
    peerBindings(engine, connection).some((binding) => answeredApis(binding).includes(api)) ||
    [...engine.directory.connections.values()].some(
      ({ metadata: { name } }) => isOnes(name) && isEager(engine, name, api),
    )
  );
};

/** Does any other Connection, by a binding or by its policy, want the API's definition on this cluster? */
export const isWantedElsewhere = (engine: Engine, syncer: Syncer): boolean =>
  wantedThrough(engine, syncer).length > 0 ||
  [...engine.directory.connections.values()].some(
    ({ metadata }) => metadata.name !== syncer.connection && isEager(engine, metadata.name, syncer.api),
  );

/** Will a binding of another Connection, as far as can be told to the same provider, yet come to govern the namespace? */
const isAwaited = (engine: Engine, syncer: Syncer, namespace: string): boolean => {
  const ours = remoteUid(engine, syncer.connection);
  return wantedThrough(engine, syncer)
    .filter(({ kind, metadata }) => kind === "ClusterBinding" || metadata.namespace === namespace)
    .some(({ spec }) => ["", ours].includes(remoteUid(engine, spec.connectionRef.name)));
};

/**
 * The Connection that acts for an object which no binding decides over: the one its definition came through. Without one,
 * or when that Connection does not exist, whoever alone has to do with the API.
 */
export function isCaretaker(engine: Engine, { crd, connection, api }: Syncer): boolean {
  const owner = crd === null ? undefined : ownerOf(crd);
  if (owner !== undefined && engine.directory.connection(owner) !== undefined) return owner === connection;
  return [...engine.syncers.values()].every((other) => other.api !== api || other.connection === connection);
}

/** The Connection goes, no binding is left, and no other Connection goes on with the objects: they are let go. */
const isAbandoned = (engine: Engine, syncer: Syncer, namespace: string): boolean =>
  phaseOf(engine, syncer.connection).state === "deleting" &&
  engine.directory.bindingsOf(syncer.connection).length === 0 &&
  !isAwaited(engine, syncer, namespace);

export type Ruling = Pick<Gate, "mode" | "adopt" | "paused" | "letGo">;

const ELSEWHERE: Ruling = { mode: "elsewhere", adopt: false, paused: "" };

/** Did the API's definition come through a Connection to another provider? Its copies are there, and not where we look. */
const isAnothers = (engine: Engine, { crd, connection }: Syncer): boolean => {
  const owner = crd === null ? undefined : ownerOf(crd);
  return owner !== undefined && engine.directory.connection(owner) !== undefined && !isPeer(engine, connection, owner);
};

/** What the bindings as they are now mean for this syncer's objects in `namespace`; `able`: the API can be synced. */
export function rulingFor(engine: Engine, syncer: Syncer, namespace: string, able: boolean): Ruling {
  if (isAnothers(engine, syncer)) return ELSEWHERE;
  const { mode, adopt, through, ...ruled } = ruleIn(engine, syncer, namespace);
  const isMine = through === undefined ? isCaretaker(engine, syncer) : through === syncer.connection;
  if (!isMine) return ELSEWHERE;
  const paused = ruled.paused || connectionPause(engine.directory, syncer.connection);
  if (mode === "held" && isAbandoned(engine, syncer, namespace)) return { mode: "drain", adopt: false, paused };
  if (mode === "sync" && !able) return { mode: "held", adopt: false, paused };
  return { ...ruled, mode, adopt, paused };
}
