// What an object and its copy must end as, derived from the two clusters and the bindings alone: the rules once more, in
// the order in which a person would tell them, to hold the machine against.

import { type ConsumerObject, type ProviderObject, STRIPPED, wantedOf, type World } from "./object-world.ts";

export interface End {
  at: string;
  /** The consumer object's finalizers and conflict mark; null: it is gone. */
  consumer: { finalizers: string[]; mark: string } | null;
  copy: Pick<ProviderObject, "clusterUid" | "objectUid" | "owned" | "heldByUpdate" | "deleting"> | null;
  /** The consumer shows its copy's status. */
  mirrored: boolean;
}

type Part = Pick<End, "at" | "consumer" | "copy"> & { mirrored?: boolean };

const held = (copy: ProviderObject | null): End["copy"] =>
  copy && {
    clusterUid: copy.clusterUid,
    objectUid: copy.objectUid,
    owned: copy.owned,
    heldByUpdate: copy.heldByUpdate,
    deleting: copy.deleting,
  };

export const endOf = (at: string, { consumer, copy }: World): End => ({
  at,
  consumer: consumer && { finalizers: consumer.finalizers, mark: consumer.mark },
  copy: held(copy),
  mirrored: consumer !== null && copy !== null && consumer.status === copy.status,
});

const ownerOf = ({ consumer, copy, gate }: World): "none" | "ours" | "foreign" | "another" => {
  if (copy === null) return "none";
  if (copy.clusterUid === "" && copy.objectUid === "") return "foreign";
  return copy.clusterUid === gate.clusterUid && copy.objectUid === consumer?.uid ? "ours" : "another";
};

/** Our finalizer off, and the mark with it; an object that was being deleted goes, unless somebody else holds it. */
const letGo = ({ consumer }: World): End["consumer"] => {
  const finalizers = consumer?.finalizers.filter((one) => one !== "ours") ?? [];
  return consumer === null || (consumer.deleting && finalizers.length === 0) ? null : { finalizers, mark: "" };
};

const isGivenUp = ({ gate }: World): boolean => gate.mode === "drain" && gate.letGo === true;

function leaving(world: World): Part {
  const { consumer, copy, gate } = world;
  const asIs = { consumer: endOf("", world).consumer, copy: held(copy) };
  if (!consumer?.finalizers.includes("ours")) return { at: "cleaningUp.released", ...asIs };
  const released = { at: "cleaningUp.released", consumer: letGo(world), copy: held(copy) };
  if (gate.engaged) return asked(world, released);
  return consumer.orphan || isGivenUp(world) ? released : { at: "cleaningUp.blocked", ...asIs };
}

/** The provider does what is asked of it. */
function asked(world: World, released: Part): Part {
  const { consumer, copy } = world;
  if (copy === null || ownerOf(world) !== "ours") return released;
  if (consumer?.orphan) return { ...released, copy: held({ ...copy, clusterUid: "", objectUid: "", owned: STRIPPED }) };
  if (!copy.held) return { ...released, copy: null };
  const going = held({ ...copy, deleting: true });
  const stays = { at: "cleaningUp.awaitingRemoval", consumer: endOf("", world).consumer };
  return { ...(isGivenUp(world) ? released : stays), copy: going };
}

function syncing(world: World, consumer: ConsumerObject): Part {
  const { copy, gate } = world;
  const finalizers = consumer.finalizers.includes("ours") ? consumer.finalizers : [...consumer.finalizers, "ours"];
  const owner = ownerOf(world);
  if (owner === "another" || (owner === "foreign" && !gate.adopt)) {
    const mark = owner === "another" ? "OwnedByAnother" : "ForeignObjectExists";
    return { at: "conflicted.resting", consumer: { finalizers, mark }, copy: held(copy) };
  }
  if (copy?.deleting) {
    return { at: "engaging.awaitingRemoval", consumer: { finalizers, mark: consumer.mark }, copy: held(copy) };
  }
  return { at: "ready.settled", consumer: { finalizers, mark: "" }, copy: inSync(world, consumer), mirrored: true };
}

function inSync({ copy, gate, defaults }: World, consumer: ConsumerObject): End["copy"] {
  const wanted = wantedOf(consumer);
  const isApplied = copy?.owned !== wanted || copy.heldByUpdate;
  const owned = defaults && isApplied ? `${wanted} with defaults` : wanted;
  return { clusterUid: gate.clusterUid, objectUid: consumer.uid, owned, heldByUpdate: false, deleting: false };
}

function part(world: World): Part {
  const { consumer, gate } = world;
  const asIs = { consumer: endOf("", world).consumer, copy: held(world.copy) };
  if (consumer === null) return { at: "gone", ...asIs };
  if (gate.mode === "elsewhere") return { at: "elsewhere", ...asIs };
  if (consumer.paused || gate.paused !== "") return { at: "paused", ...asIs };
  if (consumer.deleting || gate.mode === "drain") return leaving(world);
  if (gate.mode === "held") return { at: "unbound", ...asIs };
  return gate.engaged ? syncing(world, consumer) : { at: "disengaged", ...asIs };
}

/** The end that this world must come to, if nothing else happens to it. */
export const expectedEnd = (world: World): Part => {
  const expected = part(world);
  // Whether the object that has just gone was last seen leaving or not at all is the same.
  return expected.consumer === null ? { ...expected, at: "gone" } : expected;
};
