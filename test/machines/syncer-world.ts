// One API on both clusters, reduced to what a syncer is told of it: its definition here and there, who wants it, and how
// many objects carry our finalizer. Answers both effects truthfully, and keeps watch over what must never happen.

import type { SyncerContext, SyncerEvent, SyncerFacts } from "../../machines/syncer.ts";
import type { Simulation } from "./replica.ts";

export const SIDES = ["connection", "demand", "offer", "crd", "objects"] as const;
export type Side = (typeof SIDES)[number];

export interface World {
  connection: SyncerFacts["connection"];
  demand: SyncerFacts["demand"];
  /** What the provider offers; null: it has a definition that may not be taken. */
  offer: "exported" | "withheld" | "refused";
  /** Version of the provider's definition. */
  wanted: number;
  crd: {
    state: "absent" | "installing" | "established" | "deleting";
    /** Version of the definition that is installed. */
    version: number;
    /** Whose it is: came through this Connection and was made by us, only used by us, or somebody else's. */
    owner: "ours" | "user" | "foreign";
  };
  /** Objects that carry our finalizer. */
  holding: number;
  /** They are where we may not look. */
  blind?: boolean;
  /** Kept by the syncer: which watches stand, and which of their lists are complete. */
  watching: boolean;
  listed: SyncerFacts["lists"];
}

/** What happens to a request: carried out, refused for now or for good, or carried out while its answer is lost. */
export type Fate = "done" | "lost" | "failed" | "rejected";

export const NOTHING_LISTED: SyncerFacts["lists"] = { consumer: false, provider: false, whole: false };

const isServed = ({ crd }: World): boolean => crd.state === "established" || crd.state === "deleting";
const isEngaged = ({ connection }: Pick<World, "connection">): boolean =>
  connection === "ready" || connection === "deleting";

const stepFor = ({ crd, wanted, connection }: World): SyncerFacts["crd"]["step"] => {
  if (connection !== "ready") return "unknown";
  if (crd.state === "absent") return "create";
  if (crd.state === "deleting") return "leave";
  if (crd.owner === "foreign") return "refuse";
  return crd.version === wanted || crd.owner === "user" ? "leave" : "update";
};

const crdFact = (world: World): SyncerFacts["crd"] => {
  const { state, owner } = world.crd;
  const step = stepFor(world);
  const exists = state !== "absent";
  return {
    state,
    step,
    refusal: step === "refuse" ? { reason: "ForeignObjectExists", message: "not ours" } : null,
    mine: exists && owner !== "foreign",
    ours: exists && owner === "ours",
  };
};

const offerFact = ({ offer, connection }: World): SyncerFacts["offer"] => {
  if (connection !== "ready") return null;
  const refusal = offer === "refused" ? { reason: "ConversionWebhook" as const, message: "converted" } : null;
  return { exported: offer !== "withheld", refusal };
};

function truth(world: World, side: Side): SyncerEvent[] {
  switch (side) {
    case "connection":
      return [{ type: "connection.seen", connection: world.connection }];
    case "demand":
      return [{ type: "demand.seen", demand: world.demand }];
    case "offer":
      return [{ type: "offer.seen", offer: offerFact(world) }];
    case "crd":
      return [{ type: "crd.seen", crd: crdFact(world) }];
    case "objects":
      return [
        { type: "lists.seen", lists: { ...world.listed, blind: world.blind === true } },
        { type: "holding.counted", holding: world.listed.whole && !world.blind ? world.holding : 0 },
      ];
  }
}

export function simulate(
  world: World,
  fate: () => Fate,
  heard: (side: Side, facts: readonly SyncerEvent[]) => void,
): Simulation<SyncerContext, SyncerEvent, Side> {
  const writes: string[] = [];
  const violations: string[] = [];
  const never = (what: string, happened: boolean) => happened && violations.push(what);

  const failure = (lasting: boolean): SyncerEvent => ({
    type: "failed",
    reason: lasting ? "SchemaRejected" : "Pending",
    message: "not taken",
    lasting,
  });

  const request = async (type: "installed" | "removed", carryOut: () => void): Promise<SyncerEvent> => {
    const chosen = fate();
    if (chosen === "failed" || chosen === "rejected") return failure(chosen === "rejected");
    carryOut();
    writes.push(type);
    if (chosen === "lost") return failure(false);
    const crd = crdFact(world);
    heard("crd", [{ type: "crd.seen", crd }]);
    return { type, crd };
  };

  return {
    writes,
    violations,
    truth: (side) => truth(world, side),
    effects: {
      installCrd: ({ demand, connection, offer }) =>
        request("installed", () => {
          never("a pull for nobody", demand?.live === 0 && demand.eager !== true);
          never("a pull of what is paused", demand?.paused === true);
          never("a pull through a Connection that is not ready", connection !== "ready");
          never("a pull of what is not offered", !offer?.exported || offer.refusal !== null);
          // The write is fenced by the state it was decided on: what has changed meanwhile stays as it is.
          if (world.crd.state === "absent") world.crd = { state: "installing", version: world.wanted, owner: "ours" };
          else if (world.crd.owner === "ours" && world.crd.state !== "deleting") world.crd.version = world.wanted;
        }),
      removeCrd: ({ demand, crd, holding }) =>
        request("removed", () => {
          never("a removal that no binding asked for", demand?.takesCrd !== true || demand.live > 0);
          never("a removal of what is not ours", crd?.ours !== true);
          never("a removal before the objects have let go", (holding ?? 0) > 0);
          if (world.crd.owner !== "ours" || world.crd.state === "absent") return;
          if (world.holding > 0) world.crd.state = "deleting";
          else world.crd = { ...world.crd, state: "absent" };
        }),
    },
    ended() {
      world.watching = false;
      world.listed = NOTHING_LISTED;
    },
    rested(rest) {
      const watching = rest.hasTag("watching") && isServed(world);
      if (!watching) world.listed = NOTHING_LISTED;
      world.watching = watching;
      const isDone = rest.in("cleaningUp.idle") || rest.in("unbound");
      never("objects left unwatched while they hold us", isDone && lostTrack(world, rest.context));
    },
  };
}

/** Nobody wants the API any more, objects of it still hold our finalizer, and that was known. */
const lostTrack = ({ holding, crd }: World, { demand, lists, crd: known }: SyncerContext): boolean =>
  holding > 0 &&
  lists?.blind === false &&
  crd.owner !== "foreign" &&
  demand?.live === 0 &&
  known?.state === "established" &&
  known.mine;

/** Does the syncer let objects claim us, or let go of us, where it rests? */
function holdingAt(at: string, { crd, connection, watching, holding }: World): number {
  const isSynced = at === "ready" && crd.state === "established" && crd.owner !== "foreign";
  if (isSynced && connection === "ready") return 2;
  const leaves = at === "cleaningUp.draining" || at === "cleaningUp.crdTerminating";
  return leaves && watching && isEngaged({ connection }) ? 0 : holding;
}

/** What goes on by itself: definitions are established, lists complete, objects let go where that is asked for. */
export function elapse(world: World, at: string): void {
  const { crd } = world;
  if (crd.state === "installing") crd.state = "established";
  // One namespace after the other; what was listed first happened to hold nothing.
  if (world.watching) world.listed = { consumer: true, provider: isEngaged(world), whole: world.listed.consumer };
  world.holding = holdingAt(at, world);
  if (crd.state === "deleting" && world.holding === 0) crd.state = "absent";
}
