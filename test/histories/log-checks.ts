// What must not happen on the way, read from the audit logs of both API servers, history by history: V4 spec only up and
// status only down, V6 nothing goes back in time, V8 a copy is deleted only for an object seen deleting or in a drain; and
// that "ready" is never said of another spec. Rules: docs/reference/behaviour.md, "Fences", "Status" and "Objects".

import type { Write } from "../e2e/audit-policy.ts";
import { GROUP } from "../e2e/manifests.ts";
import { describe, isKonnectors, isWrite, type Traffic } from "../e2e/traffic.ts";
import { misdirectedWrites, unjustifiedDeletes } from "../e2e/wire.ts";
import type { Deed } from "./deed.ts";
import { LATE } from "./late-writes.ts";

const OWNER = "core.kube-bind.io/consumer-object-uid";
const POLICY = "core.kube-bind.io/deletion-policy";
const PAUSED = "core.kube-bind.io/paused";

const wasTaken = ({ responseStatus }: Write): boolean => (responseStatus?.code ?? 500) < 300;
const versionOf = ({ responseObject }: Write): number => Number(responseObject?.metadata?.resourceVersion ?? 0);

/** The konnector's writes to instances that the server took, in the order in which it took them. */
const takenWrites = (events: Write[], verb: string): Write[] =>
  events
    .filter((event) => event.objectRef?.apiGroup === GROUP && event.verb === verb)
    .filter((event) => isKonnectors(event) && isWrite(event) && wasTaken(event))
    .sort((a, b) => versionOf(a) - versionOf(b));

/** V6: `count` grows with each write of the user's, so an apply that carries less than one before it has come late. */
function staleApplies(provider: Write[]): string[] {
  const newest = new Map<string, number>();
  return takenWrites(provider, "patch").flatMap((event) => {
    const owner: string | undefined = event.requestObject?.metadata?.annotations?.[OWNER];
    const count: unknown = event.requestObject?.spec?.count;
    if (owner === undefined || typeof count !== "number") return [];
    const before = newest.get(owner) ?? 0;
    newest.set(owner, Math.max(before, count));
    return count < before ? [`V6: ${describe(event)} brought back ${count} after ${before}`] : [];
  });
}

interface Shown {
  event: Write;
  uid: string;
  generation: number;
  phase: string;
  observed: unknown;
}

/** Each status that the konnector wrote to the consumer, as it then stood there. */
const shown = (consumer: Write[]): Shown[] =>
  takenWrites(consumer, "patch").flatMap((event) => {
    const { metadata, status } = event.responseObject ?? {};
    const wrote = Array.isArray(event.requestObject) && event.requestObject.some(({ path }) => path === "/status");
    if (!wrote || status?.phase === undefined) return [];
    const { uid, generation } = metadata;
    return [{ event, uid, generation, phase: status.phase, observed: status.observedGeneration }];
  });

/** V6: a status that the provider has replaced does not come back. */
function staleStatuses(consumer: Write[]): string[] {
  const newest = new Map<string, number>();
  return shown(consumer).flatMap(({ event, uid, phase }) => {
    const serial = Number(phase.slice(2));
    const before = newest.get(uid) ?? 0;
    newest.set(uid, Math.max(before, serial));
    return serial < before ? [`V6: ${describe(event)} brought back status ${serial} after ${before}`] : [];
  });
}

/** Whoever waits for observedGeneration is shown what was reported of that very spec. */
function hastyReadiness(consumer: Write[], deeds: readonly Deed[]): string[] {
  const told = new Set<string>();
  return shown(consumer).flatMap(({ event, uid, generation, phase, observed }) => {
    const first = observed === generation && !told.has(`${uid} ${generation}`);
    if (observed === generation) told.add(`${uid} ${generation}`);
    const deed = deeds.find(({ step, status }) => step.do === "report" && step.phase === phase && status === 200);
    const isOfNow = deed?.body.status.observedGeneration === deed?.body.metadata.generation;
    if (!first || deed === undefined || !isOfNow) return [];
    const { count } = event.responseObject.spec;
    return deed.body.spec.count === count
      ? []
      : [`${phase} was said of ${deed.body.spec.count} and shown for ${count}`];
  });
}

/** V6: a write that was held back until after another to the same object, and changed something. */
function lateWritesTaken({ consumer, provider }: Traffic): string[] {
  return [consumer, provider].flatMap((events) => {
    const taken = takenWrites(events, "patch");
    const isFirst = (event: Write) =>
      !events.some((other) => other !== event && wasTaken(other) && versionOf(other) === versionOf(event));
    return taken
      .filter((event) => event.auditID.startsWith(LATE) && isFirst(event))
      .map((event) => `V6: ${describe(event)} came late and was taken: ${JSON.stringify(event.requestObject)}`);
  });
}

/** What the consumer's object was by then, as everybody's writes left it. */
const statesBefore = (consumer: Write[], owner: string, time: string) =>
  consumer
    .filter(({ responseObject, requestReceivedTimestamp }) => {
      return responseObject?.metadata?.uid === owner && requestReceivedTimestamp <= time;
    })
    .map(({ responseObject }) => responseObject);

const isPaused = ({ metadata }: { metadata: { annotations?: Record<string, string> } }): boolean =>
  metadata.annotations?.[PAUSED] === "true";

/** Whoever knows of a change that was made while the object was paused knows of the pause, and waits for its end. */
function disregardedPauses({ consumer, provider }: Traffic): string[] {
  return takenWrites(provider, "patch").flatMap((event) => {
    const { metadata, spec } = event.requestObject ?? {};
    const owner: string | undefined = metadata?.annotations?.[OWNER];
    if (owner === undefined) return [];
    const states = statesBefore(consumer, owner, event.requestReceivedTimestamp);
    const shown = states.filter((state) => state.spec?.count === spec.count);
    const isDisregarded = shown.length > 0 && shown.every(isPaused);
    return isDisregarded ? [`${describe(event)} carried ${spec.count} of an object that is paused`] : [];
  });
}

/** Has a binding that reaches it been deleted at some time, or taken something out, or named another provider? */
function wasDrained(consumer: Write[], { objectRef }: Write): boolean {
  const api = `${objectRef?.resource}.${objectRef?.apiGroup}`;
  return consumer
    .filter((event) => /bindings$/.test(event.objectRef?.resource ?? "") && event.responseObject?.spec !== undefined)
    .map(({ responseObject }) => responseObject)
    .some(({ kind, metadata, spec }) => {
      const lists = spec.apis[0].name === api;
      if (kind === "ClusterBinding") return lists && metadata.deletionTimestamp !== undefined;
      return !lists || metadata.deletionTimestamp !== undefined || spec.connectionRef.name === "other";
    });
}

/** An object that was never seen deleting without its policy Orphan: its copy must not be deleted. */
function disregardedOrphans({ consumer, provider }: Traffic): string[] {
  const owners = new Map<string, string>();
  for (const { responseObject } of takenWrites(provider, "patch")) {
    const owner = responseObject?.metadata?.annotations?.[OWNER];
    if (owner !== undefined) owners.set(responseObject.metadata.uid, owner);
  }
  return takenWrites(provider, "delete").flatMap((event) => {
    const owner = owners.get(event.requestObject?.preconditions?.uid);
    const states = consumer.map(({ responseObject }) => responseObject?.metadata).filter((one) => one?.uid === owner);
    const last = states.filter(({ deletionTimestamp }) => deletionTimestamp !== undefined);
    const alwaysOrphan = last.length > 0 && last.every(({ annotations = {} }) => annotations[POLICY] === "Orphan");
    return alwaysOrphan && !wasDrained(consumer, event) ? [`V8: ${describe(event)}: its object was to leave it`] : [];
  });
}

/** `traffic`: of the history's namespace, whoever asked. */
export const violations = (traffic: Traffic, deeds: readonly Deed[]): string[] => [
  ...misdirectedWrites(traffic),
  ...unjustifiedDeletes(traffic),
  ...staleApplies(traffic.provider),
  ...staleStatuses(traffic.consumer),
  ...hastyReadiness(traffic.consumer, deeds),
  ...disregardedOrphans(traffic),
  ...disregardedPauses(traffic),
  ...lateWritesTaken(traffic),
];

/** V5, of everything since: writes of the konnector that came after all had settled. */
export const lateWrites = ({ consumer, provider }: Traffic, since: string): string[] =>
  [...consumer, ...provider]
    .filter(
      (event) =>
        event.requestReceivedTimestamp.slice(0, since.length - 1) > since.slice(0, -1) &&
        isKonnectors(event) &&
        isWrite(event),
    )
    .map((event) => `V5: written after everything was settled: ${describe(event)}`);
