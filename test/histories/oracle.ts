// What the end of a history must be, by docs/reference/behaviour.md alone ("Objects", "What travels", "Status", "Ownership of
// copies"): told from what was done and answered, not from how the konnector works. Imports nothing of it. A step whose
// effect depends on who came first allows for either order, and for nothing else.

import { isDeepStrictEqual } from "node:util";

import type { Deed } from "./deed.ts";
import { type Model, modelOf, type Rule, ruleOf } from "./model.ts";
import type { History } from "./step.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- objects as they are */
type Obj = any;

const MARKS = "core.kube-bind.io";
const SYNCER = `${MARKS}/syncer`;

export interface Ending {
  consumer: Obj;
  provider: Obj;
}

const field = (object: Obj, kind: "annotations" | "labels", name: string) =>
  object?.metadata?.[kind]?.[`${MARKS}/${name}`];

/** May a copy with that owner's UID on it stay after its object? */
export function mayStay(deeds: readonly Deed[], name: string, owner: string): boolean {
  const { forced, orphaned } = modelOf(deeds, name);
  return forced.has(owner) || orphaned.has(owner);
}

/** What is wrong with one name of a history, once everything has settled: nothing, or sentences. */
export function judge(
  history: History,
  deeds: readonly Deed[],
  name: string,
  { consumer, provider }: Ending,
  clusterUid: string,
): string[] {
  const model = modelOf(deeds, name);
  const rule = ruleOf(history, deeds);
  const owner = ownerOf(provider, clusterUid);
  return [
    ...ofUser(model, consumer),
    ...ofOthers(model, rule, provider, clusterUid),
    ...(provider?.metadata.deletionTimestamp ? ["the copy is still going"] : []),
    ...(consumer && owner !== undefined && owner === consumer.metadata.uid && !isLeft(model, rule, owner)
      ? [...(rule.bound ? [] : ["it has a copy, and nothing binds it"]), ...inSync(history, model, consumer, provider)]
      : [...leftBehind(model, provider, owner), ...(consumer ? unsynced(rule, consumer, provider) : [])]),
  ];
}

/** The UID that a copy of ours names; undefined for what is none. */
const ownerOf = (provider: Obj, clusterUid: string): string | undefined =>
  field(provider, "annotations", "consumer-cluster-uid") === clusterUid
    ? field(provider, "annotations", "consumer-object-uid")
    : undefined;

/** A copy of what is here, but let go of by force or kept by Orphan: whatever bound it once has no say in it any more. */
const isLeft = ({ forced, orphaned }: Model, { bound }: Rule, owner: string): boolean =>
  !bound && (forced.has(owner) || orphaned.has(owner));

/** The consumer's object is its user's alone: all but our finalizer, our mark and the status is as they left it. */
function ofUser({ mine }: Model, consumer: Obj): string[] {
  if (mine === undefined) return consumer ? ["it was deleted and is still there"] : [];
  if (!consumer) return ["it was never deleted and is gone"];
  const [now, then] = [consumer, mine].map(theirs);
  return isDeepStrictEqual(now, then) ? [] : [`it is ${JSON.stringify(now)} and was left as ${JSON.stringify(then)}`];
}

const theirs = ({ metadata: { uid, labels = {}, annotations = {}, finalizers = [] }, spec }: Obj) => {
  const { [`${MARKS}/conflict`]: _mark, ...others } = annotations;
  return { uid, spec, labels, annotations: others, finalizers: finalizers.filter((one: string) => one !== SYNCER) };
};

/** What others have made is as they left it, unless it may have been taken over. */
function ofOthers({ foreign }: Model, { adopted }: Rule, provider: Obj, clusterUid: string): string[] {
  return [...foreign].flatMap(([uid, body]) => {
    const owner = field(body, "annotations", "consumer-cluster-uid");
    const mayBeTaken = adopted && (owner === undefined || owner === clusterUid);
    if (mayBeTaken || body.metadata.deletionTimestamp) return [];
    const now = provider?.metadata.uid === uid ? provider : undefined;
    return isDeepStrictEqual(now, body) ? [] : [`V2: a foreign object was changed: ${JSON.stringify([body, now])}`];
  });
}

/** Something on the provider that is no copy of what is here: whose is it? */
function leftBehind({ foreign, orphaned, forced, written }: Model, provider: Obj, owner: string | undefined): string[] {
  if (!provider) return [];
  const { uid } = provider.metadata;
  // Kept by Orphan, its marks come off only if the provider can be reached.
  if (owner !== undefined) return forced.has(owner) || orphaned.has(owner) ? [] : [`the copy of ${owner} is left`];
  if (foreign.has(uid)) return [];
  // Kept by Orphan: nothing of ours is on it. It may have been adopted before, or written to.
  const marked = JSON.stringify([provider.metadata.labels, provider.metadata.annotations]).includes(MARKS);
  return orphaned.size > 0 && !marked ? [] : [`${uid} is nobody's: ${JSON.stringify([provider, [...written]])}`];
}

/** An object without a copy of its own. */
function unsynced(rule: Rule, consumer: Obj, provider: Obj): string[] {
  const mark = field(consumer, "annotations", "conflict");
  const held: boolean = consumer.metadata.finalizers?.includes(SYNCER) ?? false;
  if (!rule.bound) return mark || held ? [`nothing binds it, and it has ${mark ?? "our finalizer"}`] : [];
  if (!provider) return ["it has no copy"];
  return [...conflicting(rule, consumer, provider), ...(held ? [] : ["our finalizer is missing"])];
}

/** Somebody else's object has its name: it says so, and why. */
function conflicting({ policy }: Rule, consumer: Obj, provider: Obj): string[] {
  const isMarked = ["consumer-cluster-uid", "consumer-object-uid"].some((one) => field(provider, "annotations", one));
  if (!isMarked && policy === "Adopt") return ["what has its name was not taken over"];
  const reason = isMarked ? "OwnedByAnother" : "ForeignObjectExists";
  const mark = field(consumer, "annotations", "conflict");
  const said = consumer.status?.conditions?.find((one: Obj) => one.type === "Synced");
  return [
    ...(mark === reason ? [] : [`it is marked ${mark} and not ${reason}`]),
    ...(said?.status === "False" && said.reason === reason ? [] : [`its status does not say ${reason}`]),
  ];
}

const differ = (what: string, here: unknown, there: unknown): string[] =>
  isDeepStrictEqual(here, there) ? [] : [`${what}: ${JSON.stringify(here)} here, ${JSON.stringify(there)} there`];

function inSync({ setting }: History, { written }: Model, consumer: Obj, provider: Obj): string[] {
  const status = setting === "plain" ? provider.status : translated(consumer, provider);
  const { fields = [], added } = written.get(provider.metadata.uid) ?? {};
  const marked = field(consumer, "annotations", "conflict");
  return [
    ...carried(consumer.spec, provider.spec, fields),
    ...differ("label", consumer.metadata.labels?.tier, provider.metadata.labels.tier),
    ...(added === undefined ? [] : differ("what others added", { theirs: added }, provider.spec.any)),
    ...(added === undefined ? [] : differ("the label of others", `v${added}`, provider.metadata.labels.theirs)),
    ...differ("our label on the copy", "true", field(provider, "labels", "managed")),
    ...differ("status", consumer.status, status),
    ...(marked ? [`it is in sync and marked ${marked}`] : []),
    ...(consumer.metadata.finalizers?.includes(SYNCER) ? [] : ["it has a copy and not our finalizer"]),
  ];
}

/** Every field is as it is here; what is not here any more is there only if others wrote it. */
function carried(here: Obj, there: Obj, written: [string, unknown][]): string[] {
  const others = written.map((one) => JSON.stringify(one));
  const extra = Object.entries(there).filter(([name]) => !(name in here) && name !== "any");
  const left = extra.filter((one) => !others.includes(JSON.stringify(one)));
  return [
    ...Object.entries(here).flatMap(([name, value]) => differ(`spec.${name}`, value, there[name])),
    ...left.map(([name]) => `spec.${name} was removed here and is there`),
  ];
}

/** The copy's status in the consumer's generations; of an older spec, whatever older one is shown here. */
function translated(consumer: Obj, provider: Obj): Obj {
  const { generation } = consumer.metadata;
  const own = (here: Obj, there: Obj): Obj => {
    if (there?.observedGeneration === undefined) return there;
    const isNow = there.observedGeneration === provider.metadata.generation;
    const shown = here?.observedGeneration;
    const older = typeof shown === "number" && shown <= generation ? shown : `at most ${generation}`;
    return { ...there, observedGeneration: isNow ? generation : older };
  };
  const status = own(consumer.status, provider.status);
  if (!status?.conditions) return status;
  const conditions = status.conditions.map((one: Obj, index: number) => own(consumer.status?.conditions?.[index], one));
  return { ...status, conditions };
}
