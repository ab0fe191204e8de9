// What was done in a history and what it left, name by name: read from what the servers answered to the histories' own acts,
// each of which says what the object was then, so that nothing is computed here. What the oracle compares the end with.
// Imports nothing of the konnector.

import type { Deed } from "./deed.ts";
import type { History, Policy, SideName, Step } from "./step.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- objects as they are */
type Obj = any;

export interface Model {
  /** The object as its user left it; undefined where there is none, or it was deleted. */
  mine: Obj;
  /** UIDs of objects whose copies may stay: kept by Orphan, or left behind by force or by what cannot be told from it. */
  orphaned: Set<string>;
  forced: Set<string>;
  /** Objects of others on the provider, by UID, as last answered. */
  foreign: Map<string, Obj>;
  /** What others wrote into any object there, by UID: each field with its values; and what they added last. */
  written: Map<string, { fields: [string, unknown][]; added: number | undefined }>;
}

const OF_USER: ReadonlySet<Step["do"]> = new Set(["create", "edit", "label", "delete", "orphan", "pause", "force"]);
const OF_BINDING: ReadonlySet<Step["do"]> = new Set(["bind", "unbind", "policy", "list", "suspend", "via"]);

const wasTaken = ({ status }: Deed): boolean => status >= 200 && status < 300;
const sideOf = ({ step }: Deed): SideName =>
  "side" in step ? step.side : OF_USER.has(step.do) ? "consumer" : "provider";

/** What is being deleted is as good as gone, and what has gone is answered with a Status. */
const alive = (body: Obj): Obj => (body?.metadata?.uid && !body.metadata.deletionTimestamp ? body : undefined);

/** What has gone is answered with a Status, which names it elsewhere. */
const uidIn = (body: Obj): string => body?.metadata?.uid ?? body?.details?.uid ?? "";

function foreignDeed({ foreign }: Model, { step, body }: Deed): void {
  const uid = uidIn(body);
  if (step.do === "occupy" || step.do === "disown" || foreign.has(uid)) foreign.set(uid, body);
  if (step.do === "remove") foreign.delete(uid);
}

function writtenDeed({ written }: Model, { step, body }: Deed): void {
  const uid = uidIn(body);
  const before = written.get(uid) ?? { fields: [], added: undefined };
  const fields = step.do === "occupy" || step.do === "drift" ? Object.entries(step.spec) : [];
  const added = step.do === "add" ? step.value : before.added;
  written.set(uid, { fields: [...before.fields, ...fields], added });
}

/**
 * An API server that finds no finalizer lets the object go, also if one is added while it does so: nothing of ours held it, and
 * absence deletes nothing.
 */
const wentAtOnce = ({ step, body }: Deed): boolean => step.do === "delete" && body?.kind === "Status";

export function modelOf(deeds: readonly Deed[], name: string): Model {
  const all = deeds.filter((deed) => wasTaken(deed) && "name" in deed.step && deed.step.name === name);
  const here = all.filter((deed) => sideOf(deed) === "consumer");
  const uids = (isMeant: (deed: Deed) => boolean) => new Set(here.filter(isMeant).map(({ body }) => uidIn(body)));
  const model: Model = {
    mine: alive(here.at(-1)?.body),
    orphaned: uids(({ step }) => step.do === "orphan" && step.on),
    forced: uids((deed) => deed.step.do === "force" || wentAtOnce(deed)),
    foreign: new Map(),
    written: new Map(),
  };
  for (const deed of all.filter((one) => sideOf(one) === "provider")) {
    foreignDeed(model, deed);
    writtenDeed(model, deed);
  }
  return model;
}

export interface Rule {
  bound: boolean;
  /** There is a binding, but the Connection that it names leads elsewhere. */
  astray: boolean;
  policy: Policy;
  /** Objects that nobody owns may have been taken over at some time. */
  adopted: boolean;
}

/** What governs the history's objects in the end. */
export function ruleOf({ setting }: History, deeds: readonly Deed[]): Rule {
  const adopts = setting === "adopt";
  if (setting !== "own") return { bound: true, astray: false, policy: adopts ? "Adopt" : "Fail", adopted: adopts };
  const all = deeds.filter((deed) => wasTaken(deed) && OF_BINDING.has(deed.step.do)).map(({ body }) => body);
  const { spec } = alive(all.at(-1)) ?? {};
  const astray = spec?.connectionRef.name === "other";
  return {
    bound: spec?.apis[0].name === "tools.example.org" && !astray,
    astray,
    policy: spec?.conflictPolicy ?? "Fail",
    adopted: all.some((body) => body.spec?.conflictPolicy === "Adopt"),
  };
}
