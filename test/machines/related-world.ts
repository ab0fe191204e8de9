// A source, its copy and what the bindings mean: enough to answer every effect of the machine of related objects truthfully,
// fences included, and to lose or fail answers on request. Keeps watch over what must never happen.

import type { MachineRecord } from "../../actors/host.ts";
import type { RefusalCause } from "../../machines/object-facts.ts";
import {
  initialRelatedContext,
  isIrreplaceable,
  type RelatedContext,
  relatedCopy,
  type RelatedCopyFact,
  type RelatedEvent,
  type RelatedGate,
  type SourceFact,
} from "../../machines/related-facts.ts";
import { relatedMachine } from "../../machines/related.ts";
import { CLUSTER, copy as copySample } from "./related-samples.ts";
import { createReplica, type Replica, type Simulation } from "./replica.ts";

export const SIDES = ["source", "copy", "gate"] as const;
export type Side = (typeof SIDES)[number];

export interface World {
  source: (SourceFact & { immutable: boolean }) | null;
  copy: (RelatedCopyFact & { held: boolean }) | null;
  gate: RelatedGate;
  hasNamespace: boolean;
}

/** What happens to a request: it is carried out, refused, or carried out while its answer is lost. */
export type Fate = "done" | "lost" | RefusalCause;

let versions = 1000;
export const nextVersion = (): string => String(++versions);

const sourceFact = ({ immutable: _immutable, ...fact }: NonNullable<World["source"]>): SourceFact => fact;
const copyFact = ({ held: _held, ...fact }: NonNullable<World["copy"]>): RelatedCopyFact => fact;

const truth = (world: World, side: Side): RelatedEvent[] => {
  if (side === "gate") return [{ type: "gate.seen", gate: world.gate }];
  if (side === "source")
    return [world.source ? { type: "source.seen", source: sourceFact(world.source) } : { type: "source.gone" }];
  // Without our labels no watch shows it.
  return [world.copy?.labelled ? { type: "copy.seen", copy: copyFact(world.copy) } : { type: "copy.gone" }];
};

class Refused extends Error {
  override readonly cause: RefusalCause = "outdated";
}

function simulate(
  world: World,
  fate: () => Fate,
  keeper: (side: Side, facts: readonly RelatedEvent[]) => void,
): Simulation<RelatedContext, RelatedEvent, Side> {
  const writes: string[] = [];
  const violations: string[] = [];
  const never = (what: string, happened: boolean) => happened && violations.push(what);
  let isLost = false;
  const heard = (side: Side): void => void (isLost || keeper(side, truth(world, side)));

  const stands = ({ gate }: RelatedContext): void => {
    const { mode, binding, adopt, open, paused } = world.gate;
    const isSame = gate?.mode === mode && gate.binding === binding && gate.adopt === adopt;
    if (!isSame || !open || paused !== "") throw new Refused();
  };

  const known = (fact: RelatedCopyFact): NonNullable<World["copy"]> => {
    const { copy } = world;
    if (copy?.uid !== fact.uid || copy.resourceVersion !== fact.resourceVersion) throw new Refused();
    never("an apply over another owner's object", copy.whose === "another");
    never("an apply over a foreign object under Fail", copy.whose === "foreign" && !world.gate.adopt);
    never("an apply over an object that is being deleted", copy.deleting);
    return copy;
  };

  const inTheWay = (): RelatedEvent | undefined => {
    if (world.copy !== null) return { type: "occupied" };
    return world.hasNamespace ? undefined : { type: "namespace.missing" };
  };

  const mayGo = ({ gate: { mode } }: World, copy: RelatedCopyFact, context: RelatedContext): void => {
    never("a delete of what is not ours", copy.whose !== "ours");
    never("a delete of what a rule means", mode === "carry" && copy.type === context.source?.type && !copy.immutable);
    never("a delete on doubt", !["carry", "remove"].includes(mode));
  };

  const requests: Record<string, (context: RelatedContext) => RelatedEvent> = {
    applyCopy(context) {
      const { source } = world;
      if (source === null || source.uid !== context.source?.uid) throw new Refused();
      stands(context);
      never("an apply that no rule asks for", world.gate.mode !== "carry");
      const fact = relatedCopy(context);
      const obstacle = fact === null ? inTheWay() : undefined;
      if (obstacle) return obstacle;
      const before =
        fact === null ? { ...copySample({ uid: nextVersion(), type: source.type }), held: false } : known(fact);
      if (isIrreplaceable(sourceFact(source), before, null))
        return { type: "refused", cause: "rejected", message: "immutable" };
      world.copy = {
        ...before,
        clusterUid: CLUSTER,
        binding: world.gate.binding,
        labelled: true,
        owned: source.content,
        whole: source.immutable ? source.content : "",
        immutable: source.immutable,
        whose: "ours",
        resourceVersion: nextVersion(),
      };
      heard("copy");
      return { type: "applied", source: sourceFact(source), copy: copyFact(world.copy), sent: source.content };
    },
    createNamespace() {
      world.hasNamespace = true;
      return { type: "namespace.ready" };
    },
    lookUpCopy() {
      return { type: "looked", found: world.copy && copyFact(world.copy) };
    },
    deleteCopy(context) {
      const fact = relatedCopy(context);
      stands(context);
      if (world.copy === null || world.copy.uid !== fact?.uid) throw new Refused();
      mayGo(world, fact, context);
      if (world.copy.held) world.copy = { ...world.copy, deleting: true, resourceVersion: nextVersion() };
      else world.copy = null;
      heard("copy");
      return world.copy === null ? { type: "deleted" } : { type: "delete.waiting", copy: copyFact(world.copy) };
    },
    reportConflict: () => ({ type: "told" }),
    reportContest: () => ({ type: "told" }),
  };

  const WRITES = new Set(["applyCopy", "deleteCopy", "createNamespace"]);
  const REPORTS = new Set(["reportConflict", "reportContest"]);
  const answer = (name: string, request: (context: RelatedContext) => RelatedEvent) => (context: RelatedContext) => {
    never(`${name} while it is known to be paused`, WRITES.has(name) && context.gate?.paused !== "");
    const chosen = REPORTS.has(name) ? "done" : fate();
    if (chosen !== "done" && chosen !== "lost") return refusal(chosen);
    isLost = chosen === "lost";
    try {
      const answered = request(context);
      if (["applied", "deleted", "delete.waiting"].includes(answered.type)) writes.push(name);
      return isLost ? refusal("fault") : Promise.resolve(answered);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return refusal("outdated");
    } finally {
      isLost = false;
    }
  };
  const refusal = (cause: RefusalCause): Promise<RelatedEvent> =>
    Promise.resolve({ type: "refused", cause, message: cause });

  const effects = Object.fromEntries(Object.entries(requests).map(([name, request]) => [name, answer(name, request)]));
  return {
    effects: { ...effects, reportRefusal: () => Promise.resolve(undefined) },
    writes,
    violations,
    truth: (side) => truth(world, side),
  };
}

const START: MachineRecord<RelatedContext> = { value: { engaging: "waiting" }, context: initialRelatedContext };

/** Hosted as actors/related-actor.ts does, which keeps no facts between passes. */
export const relatedReplica = (world: World, fate: () => Fate): Replica<Side> =>
  createReplica<RelatedContext, RelatedEvent, Side>({
    machine: relatedMachine,
    start: START,
    sides: SIDES,
    awaitsTime: (rest) => rest.hasTag("timed"),
    keep: ({ value, context: { found, accepted, refused, said, contest, attempts } }) => ({
      value,
      context: { ...initialRelatedContext, found, accepted, refused, said, contest, attempts },
    }),
    simulate: (heard) => simulate(world, fate, heard),
  });
