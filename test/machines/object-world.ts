// Two clusters reduced to one object, its copy and what the bindings allow: enough to answer every effect of the object
// machine truthfully, fences included, and to lose or fail answers on request. Keeps watch over what must never happen.

import type { Effects } from "../../actors/host.ts";
import {
  conflictOf,
  type ConsumerFact,
  copyOf,
  type CopyFact,
  type Gate,
  type ObjectContext,
  type ObjectEvent,
  isPaused as isKnownPaused,
  type RefusalCause,
} from "../../machines/object-facts.ts";
import { mirrored, statusShown, troubleOf } from "../../machines/object-trouble.ts";
import { status } from "./object-samples.ts";
import type { Simulation } from "./replica.ts";

export const SIDES = ["consumer", "copy", "gate"] as const;
export type Side = (typeof SIDES)[number];

export interface ConsumerObject {
  uid: string;
  version: number;
  spec: string;
  status: string;
  finalizers: ("ours" | "other")[];
  deleting: boolean;
  orphan: boolean;
  paused: boolean;
  mark: string;
}

export interface ProviderObject {
  uid: string;
  version: number;
  clusterUid: string;
  objectUid: string;
  /** What our managedFields entry owns. */
  owned: string;
  /** Fields of it are ours under Update. */
  heldByUpdate: boolean;
  status: string;
  deleting: boolean;
  /** Somebody on the provider holds its deletion. */
  held: boolean;
  /** Carries our labels, so our watch shows it. */
  labelled: boolean;
}

export interface World {
  consumer: ConsumerObject | null;
  copy: ProviderObject | null;
  gate: Gate;
  hasNamespace: boolean;
  /** The server changes what is applied (defaults). */
  defaults: boolean;
}

/** What we own of a copy that has lost our markers. */
export const STRIPPED = "without markers";

const created = (version: number): ProviderObject => ({
  uid: `copy-${version}`,
  version,
  clusterUid: "",
  objectUid: "",
  owned: "",
  heldByUpdate: false,
  status: "",
  deleting: false,
  held: false,
  labelled: true,
});

/** What happens to a request: it is carried out, refused, or carried out while its answer is lost. */
export type Fate = "done" | "lost" | RefusalCause;

export const wantedOf = ({ spec, uid }: ConsumerObject): string => `${spec} of ${uid}`;

const consumerFact = (object: ConsumerObject): ConsumerFact => ({
  uid: object.uid,
  resourceVersion: String(object.version),
  generation: 1,
  deleting: object.deleting,
  claimed: object.finalizers.includes("ours"),
  finalizers: { count: object.finalizers.length, ours: object.finalizers.indexOf("ours") },
  orphan: object.orphan,
  paused: object.paused,
  mark: object.mark,
  blocked: "",
  wanted: wantedOf(object),
  status: status(object.status),
});

const copyFact = (copy: ProviderObject): CopyFact => ({
  uid: copy.uid,
  resourceVersion: String(copy.version),
  clusterUid: copy.clusterUid,
  objectUid: copy.objectUid,
  deleting: copy.deleting,
  heldBy: "",
  owned: copy.owned,
  heldByUpdate: copy.heldByUpdate,
  status: status(copy.status),
});

/** What an object shows without what is said of its trouble. */
const withoutTrouble = (shown: string): string => shown.replace(/ Synced=False .*$/, "");

/** A request was not carried out, for the reason that an API server would give. */
class Refused extends Error {
  readonly fate: RefusalCause | "gone";
  constructor(fate: RefusalCause | "gone") {
    super(fate);
    this.fate = fate;
  }
}

type Told = Extract<ObjectEvent, { type: "consumer.seen" | "consumer.gone" | "copy.seen" | "copy.gone" | "gate.seen" }>;

const consumerTold = (object: ConsumerObject | null): Told =>
  object ? { type: "consumer.seen", consumer: consumerFact(object) } : { type: "consumer.gone" };

const copyTold = (copy: ProviderObject | null): Told =>
  copy ? { type: "copy.seen", copy: copyFact(copy) } : { type: "copy.gone", unseen: true };

/** `fate` is asked once per request; `keeper` takes in what an answer shows, as the table of a syncer does. */
export function simulate(
  world: World,
  fate: () => Fate,
  keeper: (side: Side, facts: readonly ObjectEvent[]) => void,
): Simulation<ObjectContext, ObjectEvent, Side> {
  let isLost = false;
  const heard = {
    consumer: (object: ConsumerObject | null) => isLost || keeper("consumer", [consumerTold(object)]),
    copy: (copy: ProviderObject | null) => isLost || keeper("copy", [copyTold(copy)]),
  };
  /** The provider has not done what was asked of it last. */
  let wasRefused = false;
  const writes: string[] = [];
  const violations: string[] = [];
  let version = 1000;
  const next = () => ++version;
  const never = (what: string, happened: boolean) => happened && violations.push(what);

  const isOurs = (copy: ProviderObject | null): boolean =>
    copy !== null && copy.clusterUid === world.gate.clusterUid && copy.objectUid === world.consumer?.uid;

  const isPaused = (): boolean => world.gate.paused !== "" || world.consumer?.paused === true;

  const gateStands = ({ gate }: ObjectContext): void => {
    const { mode, engaged, adopt } = world.gate;
    if (gate?.mode !== mode || gate.engaged !== engaged || gate.adopt !== adopt) throw new Refused("outdated");
  };

  const consumerIs = (uid: string | undefined): ConsumerObject => {
    if (world.consumer === null) throw new Refused("gone");
    if (world.consumer.uid !== uid) throw new Refused("outdated");
    return world.consumer;
  };

  const wroteConsumer = (object: ConsumerObject): ConsumerFact => {
    object.version = next();
    heard.consumer(object);
    return consumerFact(object);
  };

  /** The copy that a guarded apply names, if it still is that one. */
  const knownCopy = (known: CopyFact): ProviderObject => {
    const { copy } = world;
    if (copy?.uid !== known.uid || String(copy.version) !== known.resourceVersion) throw new Refused("outdated");
    const isForeign = copy.clusterUid === "" && copy.objectUid === "";
    never("an apply over another owner's object", !isForeign && !isOurs(copy));
    never("an apply over a foreign object under Fail", isForeign && !world.gate.adopt);
    never("an apply over an object that is being deleted", copy.deleting);
    return copy;
  };

  /** The copy whose status is written, if it is still there. */
  const shownCopy = (context: ObjectContext): ProviderObject | null => {
    const known = mirrored(context);
    if (known === null) return null;
    if (world.copy?.uid !== known.uid) throw new Refused("outdated");
    never("a status that is not our copy's", !isOurs(world.copy));
    return world.copy;
  };

  /** In a drain, before the copy of an object that stays is deleted. */
  const lookOnceMore = (uid: string | undefined): void => {
    const object = consumerIs(uid);
    heard.consumer(object);
    if (object.orphan || object.paused || !object.finalizers.includes("ours")) throw new Refused("outdated");
  };

  const removed = (copy: ProviderObject | null): ObjectEvent => {
    never("a delete of what is not ours", copy !== null && !isOurs(copy));
    never("a delete that nobody asked for", world.consumer?.deleting !== true && world.gate.mode !== "drain");
    never("a delete of what another Connection acts for", world.gate.mode === "elsewhere");
    if (copy?.held) {
      Object.assign(copy, { deleting: true, version: next() });
      heard.copy(copy);
      return { type: "delete.waiting", copy: copyFact(copy) };
    }
    world.copy = null;
    heard.copy(null);
    return { type: "deleted" };
  };

  const mayLetGo = ({ consumer }: ObjectContext): boolean => {
    const { mode, engaged, letGo = false } = world.gate;
    if (mode === "drain" && letGo) return true;
    return mode !== "elsewhere" && !engaged && consumer?.orphan === true;
  };

  const requests: Record<string, (context: ObjectContext) => ObjectEvent> = {
    addFinalizer(context) {
      gateStands(context);
      const object = consumerIs(context.consumer?.uid);
      if (object.deleting || String(object.version) !== context.consumer?.resourceVersion)
        throw new Refused("outdated");
      object.finalizers.push("ours");
      return { type: "claimed", consumer: wroteConsumer(object) };
    },
    applyCopy(context) {
      // Without a body at hand the object is read, which may show more than the facts did.
      const object = consumerIs(context.consumer?.uid);
      heard.consumer(object);
      gateStands(context);
      if (!object.finalizers.includes("ours")) throw new Refused("outdated");
      never("a write to the provider before the finalizer", context.consumer?.claimed !== true);
      never("an apply without a governing binding", world.gate.mode !== "sync");
      never("an apply to a provider that is not engaged", !world.gate.engaged);
      const known = copyOf(context);
      if (known === null && world.copy !== null) return { type: "occupied" };
      if (known === null && !world.hasNamespace) return { type: "namespace.missing" };
      const copy = known === null ? created(next()) : knownCopy(known);
      const sent = wantedOf(object);
      const { clusterUid } = world.gate;
      never("an apply that would leave fields behind", copy.heldByUpdate);
      const owned = world.defaults ? `${sent} with defaults` : sent;
      world.copy = Object.assign(copy, { clusterUid, objectUid: object.uid, owned, labelled: true, version: next() });
      heard.copy(world.copy);
      return { type: "applied", consumer: consumerFact(object), copy: copyFact(world.copy), sent };
    },
    reownFields(context) {
      gateStands(context);
      const known = copyOf(context);
      if (known === null) throw new Refused("outdated");
      const copy = knownCopy(known);
      never("a patch of managedFields that have nothing to rewrite", !copy.heldByUpdate);
      Object.assign(copy, { heldByUpdate: false, owned: `${copy.owned} and more`, version: next() });
      if (context.copy) heard.copy(copy);
      return { type: "reowned", copy: copyFact(copy) };
    },
    createNamespace() {
      world.hasNamespace = true;
      return { type: "namespace.ready" };
    },
    lookUpCopy(context) {
      never("a read of a provider that is not engaged", context.gate?.engaged !== true);
      if (world.copy === null) heard.copy(null);
      return { type: "looked", found: world.copy && copyFact(world.copy) };
    },
    writeStatus(context) {
      const object = consumerIs(context.consumer?.uid);
      const trouble = troubleOf(context);
      const copy = shownCopy(context);
      never("a status of which nothing is known", copy === null && trouble === null);
      object.status = statusShown(copy?.status ?? withoutTrouble(object.status), trouble);
      const consumer = wroteConsumer(object);
      return {
        type: "mirrored",
        consumer,
        copy: copy && copyFact(copy),
        sent: statusShown(copy?.status ?? "", trouble),
      };
    },
    nameRivals: () => ({ type: "contest.named", message: "somebody else writes it, too" }),
    markConflict(context) {
      const object = consumerIs(context.consumer?.uid);
      object.mark = conflictOf(context);
      return { type: "marked", consumer: wroteConsumer(object) };
    },
    clearMark(context) {
      const object = consumerIs(context.consumer?.uid);
      if (object.mark === "") throw new Refused("outdated");
      object.mark = "";
      return { type: "unmarked", consumer: wroteConsumer(object) };
    },
    deleteCopy(context) {
      const isDrained = context.consumer?.deleting !== true;
      if (isDrained) lookOnceMore(context.consumer?.uid);
      gateStands(context);
      const known = copyOf(context);
      if (world.copy !== null && world.copy.uid !== known?.uid) throw new Refused("outdated");
      never("a delete in a drain against Orphan", isDrained && world.consumer?.orphan === true);
      return removed(world.copy);
    },
    stripMarkers(context) {
      gateStands(context);
      if (world.copy === null || !isOurs(world.copy)) throw new Refused("outdated");
      never("an orphan of another Connection's", world.gate.mode === "elsewhere");
      never("an orphan that nobody asked for", world.consumer?.orphan !== true);
      Object.assign(world.copy, { clusterUid: "", objectUid: "", owned: STRIPPED, labelled: false, version: next() });
      heard.copy(null);
      return { type: "orphaned" };
    },
    removeFinalizer(context) {
      const { uid, finalizers, mark } = context.consumer ?? { uid: "", finalizers: { ours: -1 }, mark: "" };
      const object = consumerIs(uid);
      if (object.finalizers[finalizers.ours] !== "ours") throw new Refused("outdated");
      if (mark !== "" && object.mark === "") throw new Refused("outdated");
      never("a release while our copy lives", isOurs(world.copy));
      return released(object);
    },
    letGo(context) {
      const object = consumerIs(context.consumer?.uid);
      if (!mayLetGo(context) || !object.finalizers.includes("ours")) throw new Refused("outdated");
      const isAway = context.gate?.engaged === false;
      never("letting go of what can be deleted", !isAway && !wasRefused && copyOf(context)?.deleting !== true);
      return released(object);
    },
  };

  /** An object that was being deleted goes with its last finalizer. */
  const released = (object: ConsumerObject): ObjectEvent => {
    object.finalizers.splice(object.finalizers.indexOf("ours"), 1);
    object.mark = "";
    if (object.deleting && object.finalizers.length === 0) {
      world.consumer = null;
      heard.consumer(null);
    } else wroteConsumer(object);
    return { type: "released" };
  };

  const READS = new Set(["lookUpCopy"]);
  const HERE = new Set(["removeFinalizer", "letGo"]);
  const ENDS = new Set(["lookUpCopy", "deleteCopy", "stripMarkers"]);
  /** As the actor does, who looks once more before each write. */
  const unlessPaused = (name: string, request: () => ObjectEvent): ObjectEvent => {
    if (!READS.has(name) && isPaused()) throw new Refused("outdated");
    return request();
  };
  const toldFate = (name: string): Fate => {
    const chosen = fate();
    if (ENDS.has(name)) wasRefused = chosen !== "done";
    return chosen;
  };
  /** Carries out the effect, and says so, unless fate will have it otherwise. */
  const answer = (name: string, request: (context: ObjectContext) => ObjectEvent) => async (context: ObjectContext) => {
    never(`${name} while it is known to be paused`, isKnownPaused(context));
    const chosen = toldFate(name);
    if (chosen !== "done" && chosen !== "lost") return failed(name, chosen);
    isLost = chosen === "lost";
    try {
      const answered = unlessPaused(name, () => request(context));
      if (!READS.has(name) && answered.type !== "occupied" && answered.type !== "namespace.missing") writes.push(name);
      return chosen === "lost" ? failed(name, "fault") : answered;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.fate !== "gone") return failed(name, error.fate);
      heard.consumer(null);
      return { type: "consumer.gone" } as const;
    }
  };
  const failed = (name: string, cause: RefusalCause): ObjectEvent => {
    const refused = { type: "refused", cause, message: `refused: ${cause}` } as const;
    return HERE.has(name) ? { ...refused, here: true } : refused;
  };
  const effects: Effects<ObjectContext, ObjectEvent> = {
    reportRefusal: async () => undefined,
    reportPause: async () => undefined,
  };
  for (const [name, request] of Object.entries(requests)) effects[name] = answer(name, request);
  const truth = (side: Side): ObjectEvent[] => {
    if (side === "gate") return [{ type: "gate.seen", gate: world.gate }];
    return [side === "consumer" ? consumerTold(world.consumer) : copyTold(world.copy?.labelled ? world.copy : null)];
  };
  return { effects, writes, violations, truth };
}
