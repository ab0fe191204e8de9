// V4 and V8, from what the API servers were asked: spec goes only up and status only down, and a copy is deleted only for
// a consumer object that was being deleted by then, or because the binding that covered it let go, or was removed by force
// and its Connection goes.

import { ANNOTATION } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS } from "../../crds/resources.ts";
import type { Write } from "./audit-policy.ts";
import { GROUP } from "./manifests.ts";
import { describe, isKonnectors, isWrite, type Traffic } from "./traffic.ts";

/** Refused before its body was read: the type is not served at that address, or not any more. */
const isUnserved = ({ requestObject, responseStatus }: Write): boolean =>
  requestObject === undefined && responseStatus?.code === 404;

/** What was refused for lack of a right was not even read by the API server either. */
const wasHeard = (event: Write): boolean => event.responseStatus?.code !== 403 && !isUnserved(event);

const ofInstances = (events: Write[]): Write[] =>
  events
    .filter((event) => isKonnectors(event) && isWrite(event) && wasHeard(event))
    .filter(({ objectRef }) => objectRef?.apiGroup === GROUP);

/** What a JSON patch changes; what it only tests is a fence. */
const paths = ({ requestObject }: Write): string[] | undefined =>
  Array.isArray(requestObject)
    ? requestObject.filter(({ op }) => op !== "test").map(({ path }) => String(path))
    : undefined;

/** On the consumer: metadata, and status through its subresource (or beside it, for types that have none). */
const goesDown = (event: Write): boolean => {
  const allowed = event.objectRef?.subresource === "status" ? /^\/status\// : /^\/(metadata|status)\//;
  const touched = paths(event);
  return event.verb === "patch" && touched !== undefined && touched.every((path) => allowed.test(`${path}/`));
};

/** Maps that an apply cannot empty. */
const emptiesOnly = ({ requestObject }: Write): boolean =>
  requestObject.every(
    ({ op, path, value }: Record<string, unknown>) =>
      op === "test" || (!String(path).startsWith("/status") && JSON.stringify(value) === "{}"),
  );

/** On the provider: applies without a status, marks taken off, deletes. */
const goesUp = (event: Write): boolean => {
  if (event.objectRef?.subresource !== undefined) return false;
  if (event.verb === "delete") return true;
  const touched = paths(event);
  if (touched !== undefined) return touched.every((path) => path.startsWith("/metadata/")) || emptiesOnly(event);
  return event.verb === "patch" && event.requestObject !== undefined && event.requestObject.status === undefined;
};

export const misdirectedWrites = ({ consumer, provider }: Traffic): string[] => [
  ...ofInstances(consumer)
    .filter((event) => !goesDown(event))
    .map((event) => `V4: on the consumer: ${describe(event)} ${JSON.stringify(event.requestObject)}`),
  ...ofInstances(provider)
    .filter((event) => !goesUp(event))
    .map((event) => `V4: on the provider: ${describe(event)} ${JSON.stringify(event.requestObject)}`),
];

const KINDS: ReadonlySet<unknown> = new Set([BINDINGS.kind, CLUSTER_BINDINGS.kind]);

interface Owner {
  uid: string;
  namespace: string;
  api: string;
}

/** Which consumer object each copy belongs to, as our applies said, or a test that stands in for an earlier konnector. */
function owners(provider: Write[]): Map<string, Owner> {
  const found = new Map<string, Owner>();
  for (const { responseObject, objectRef } of provider.filter((event) => event.objectRef?.apiGroup === GROUP)) {
    const { uid, namespace = "", annotations = {} } = responseObject?.metadata ?? {};
    const owner = annotations[ANNOTATION.consumerObjectUid];
    const api = `${objectRef?.resource}.${objectRef?.apiGroup}`;
    if (uid !== undefined && owner !== undefined) found.set(uid, { uid: owner, namespace, api });
  }
  return found;
}

/**
 * Was that object being deleted when `time` came? Deletion times have whole seconds and are cut off, not rounded. An
 * object whose definition goes is deleted without a request: then the release of our finalizer tells.
 */
const wasDeleting = (consumer: Write[], owner: Owner, time: string): boolean =>
  consumer.some(({ responseObject }) => {
    const { uid, deletionTimestamp } = responseObject?.metadata ?? {};
    return uid === owner.uid && deletionTimestamp !== undefined && Date.parse(deletionTimestamp) <= Date.parse(time);
  });

/** What had been asked for by then, and not what was answered: a watch may tell of a deletion before its answer is written. */
const askedBy = (events: Write[], time: string): Write[] =>
  events.filter(({ requestReceivedTimestamp }) => requestReceivedTimestamp <= time);

/** Bindings that reach the object, as they were each time something was written to them. */
const reaching = (events: Write[], owner: Owner) =>
  events
    .flatMap(({ responseObject }) => (KINDS.has(responseObject?.kind) ? [responseObject] : []))
    .filter(({ kind, metadata }) => kind === CLUSTER_BINDINGS.kind || metadata.namespace === owner.namespace)
    .map(({ metadata, spec }) => ({
      metadata,
      connection: spec.connectionRef.name as string,
      lists: spec.apis.some((one: { name: string }) => one.name === owner.api),
    }));

/** The provider that each Connection was pinned to, by name. */
const pinsIn = (events: Write[]): Map<string, string> =>
  new Map(
    events.flatMap(({ responseObject }) => {
      const pin = responseObject?.kind === CONNECTIONS.kind ? responseObject.status?.remoteClusterUID : undefined;
      return pin === undefined ? [] : [[responseObject.metadata.name as string, pin as string]];
    }),
  );

/** Had a binding that reaches the object been told by then to let go of the API, or to use another provider for it? */
function wasLetGo(consumer: Write[], owner: Owner, time: string): boolean {
  const asked = askedBy(consumer, time);
  const pins = pinsIn(asked);
  const said = reaching(asked, owner);
  const listed = new Set(said.filter(({ lists }) => lists).map(({ metadata }) => metadata.uid));
  const isMoved = ({ metadata, connection }: (typeof said)[number]): boolean => {
    const bound = metadata.annotations?.[ANNOTATION.boundConnection] ?? connection;
    return pins.has(connection) && pins.get(bound) !== pins.get(connection);
  };
  return said.some(
    (one) =>
      listed.has(one.metadata.uid) && (one.metadata.deletionTimestamp !== undefined || !one.lists || isMoved(one)),
  );
}

/** Was such a binding gone without having let go, and its Connection going? What is deleted for good is answered with a Status. */
function wasAbandoned(consumer: Write[], owner: Owner, time: string): boolean {
  const asked = askedBy(consumer, time);
  const gone = new Set(
    asked.filter(({ verb }) => verb === "delete").map((event) => event.responseObject?.details?.uid),
  );
  const going = new Set(
    asked
      .filter(({ responseObject }) => responseObject?.kind === CONNECTIONS.kind)
      .filter(({ responseObject }) => responseObject.metadata.deletionTimestamp !== undefined)
      .map(({ responseObject }) => responseObject.metadata.name),
  );
  return reaching(asked, owner).some(
    ({ metadata, lists, connection }) => lists && gone.has(metadata.uid) && going.has(connection),
  );
}

export function unjustifiedDeletes({ consumer, provider }: Traffic): string[] {
  const known = owners(provider);
  return ofInstances(provider)
    .filter((event) => event.verb === "delete")
    .flatMap((event) => {
      const uid = event.requestObject?.preconditions?.uid;
      const owner = known.get(uid);
      if (owner === undefined) return [`V8: ${describe(event)}: uid ${uid} is none of our copies`];
      const { requestReceivedTimestamp: time } = event;
      const fair =
        wasDeleting(consumer, owner, time) || wasLetGo(consumer, owner, time) || wasAbandoned(consumer, owner, time);
      return fair ? [] : [`V8: ${describe(event)} at ${time}: object ${owner.uid} was neither deleting nor let go`];
    });
}
