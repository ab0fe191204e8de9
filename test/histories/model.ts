// What was done in a history and what it left, name by name, from what the servers answered to the histories' own acts: what the
// oracle compares the end with. Imports nothing of the konnector.

import type { Deed } from "./deed.ts";
import type { History, Policy } from "./step.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- objects as they are */
type Obj = any;

export interface Model {
  /** The object that its user has made, as they left it. */
  mine: { uid: string; spec: Obj; labels: Obj } | undefined;
  /** UIDs of objects whose copies may stay: kept by Orphan, or left behind by force. */
  orphaned: Set<string>;
  forced: Set<string>;
  /** Objects of others on the provider, by UID, as last answered. */
  foreign: Map<string, Obj>;
  /** What others wrote into any object there, by UID: each field with its values; and what they added last. */
  written: Map<string, { fields: [string, unknown][]; added: number | undefined }>;
}

/** RFC 7386, one level deep. */
function merged(before: Obj, patch: Obj): Obj {
  const after = { ...before, ...patch };
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== null));
}

function consumerDeed(model: Model, { step, body }: Deed): void {
  const { mine } = model;
  if (step.do === "create") model.mine = { uid: body.metadata.uid, spec: step.spec, labels: step.labels };
  if (mine === undefined) return;
  if (step.do === "edit") mine.spec = merged(mine.spec, step.spec);
  if (step.do === "label") mine.labels = merged(mine.labels, { tier: step.value });
  if (step.do === "delete") model.mine = undefined;
}

/** What may let a copy outlive its object; the object may be going already. */
function letGo(model: Model, { step, body }: Deed): void {
  if (step.do === "orphan" && step.on) model.orphaned.add(body.metadata.uid);
  if (step.do === "force") model.forced.add(body.metadata.uid);
}

/** Acts on what has the name on the provider; those of `hold` and `lift` come here only for that side. */
const ON_PROVIDER = ["report", "hush", "drift", "add", "unlabel", "hold", "lift"];

const uidIn = (body: Obj): string => body?.metadata?.uid ?? body?.details?.uid ?? "";

function foreignDeed({ foreign }: Model, { step, body }: Deed): void {
  const uid = uidIn(body);
  const isAnothersNow = step.do === "occupy" || step.do === "disown";
  if (isAnothersNow || (ON_PROVIDER.includes(step.do) && foreign.has(uid))) foreign.set(uid, body);
  if (step.do === "remove") foreign.delete(uid);
}

function writtenDeed({ written }: Model, { step, body }: Deed): void {
  const uid = uidIn(body);
  const before = written.get(uid) ?? { fields: [], added: undefined };
  const fields = step.do === "occupy" || step.do === "drift" ? Object.entries(step.spec) : [];
  const added = step.do === "add" ? step.value : before.added;
  written.set(uid, { fields: [...before.fields, ...fields], added });
}

const wasTaken = ({ status }: Deed): boolean => status >= 200 && status < 300;

export function modelOf(deeds: readonly Deed[], name: string): Model {
  const model: Model = {
    mine: undefined,
    orphaned: new Set(),
    forced: new Set(),
    foreign: new Map(),
    written: new Map(),
  };
  for (const deed of deeds) {
    if (!wasTaken(deed) || !("name" in deed.step) || deed.step.name !== name) continue;
    consumerDeed(model, deed);
    letGo(model, deed);
    if ("side" in deed.step && deed.step.side === "consumer") continue;
    foreignDeed(model, deed);
    writtenDeed(model, deed);
  }
  return model;
}

export interface Rule {
  bound: boolean;
  policy: Policy;
  /** Objects that nobody owns may have been taken over at some time. */
  adopted: boolean;
}

interface Binding {
  policy: Policy;
  listed: boolean;
}

/** The binding after an act of its user's; undefined while there is none. */
function afterDeed(binding: Binding | undefined, { step }: Deed): Binding | undefined {
  if (step.do === "bind") return { policy: step.policy, listed: true };
  if (step.do === "unbind" || binding === undefined) return undefined;
  if (step.do === "policy") return { ...binding, policy: step.policy };
  return step.do === "list" ? { ...binding, listed: step.on } : binding;
}

/** What governs the history's objects in the end. */
export function ruleOf({ setting }: History, deeds: readonly Deed[]): Rule {
  const adopts = setting === "adopt";
  if (setting !== "own") return { bound: true, policy: adopts ? "Adopt" : "Fail", adopted: adopts };
  let binding: Binding | undefined;
  let adopted = false;
  for (const deed of deeds.filter(wasTaken)) {
    binding = afterDeed(binding, deed);
    adopted ||= binding?.policy === "Adopt";
  }
  return { bound: binding?.listed === true, policy: binding?.policy ?? "Fail", adopted };
}
