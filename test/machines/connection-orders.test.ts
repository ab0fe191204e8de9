// Whatever the order in which a Connection's facts arrive, are dropped, repeated or overtaken, whatever fails or gets lost
// on the way and however often the process starts anew: one end, and nothing on the way that must never happen.

import fc from "fast-check";
import { expect, test } from "vitest";

import { connectionMachine } from "../../machines/connection.ts";
import {
  type ConnectionContext,
  type ConnectionEvent,
  initialConnectionContext,
} from "../../machines/connection-facts.ts";
import { CONSUMER, PROVIDER } from "./connection-samples.ts";
import {
  type Content,
  elapse,
  type Fate,
  remoteOf,
  type Side,
  SIDES,
  simulate,
  type World,
} from "./connection-world.ts";
import { createReplica, type Replica } from "./replica.ts";
import { chances, type Deeds, fates, steps, take } from "./schedule.ts";

const START = { value: { engaging: "waiting" }, context: initialConnectionContext };

const connectionReplica = (world: World, fate: () => Fate): Replica<Side> =>
  createReplica<ConnectionContext, ConnectionEvent, Side>({
    machine: connectionMachine,
    start: START,
    sides: SIDES,
    live: ["discovery"],
    hearsItself: true,
    awaitsTime: (rest) => rest.hasTag("timed") || rest.context.failed !== null,
    // As actors/connection-actor.ts does it: each pass starts from the beginning, with the memory of the last.
    keep: ({ context }) => ({ value: START.value, context }),
    simulate: (heard) => simulate(world, fate, heard),
  });

const put = (content: Content) => (world: World) =>
  (world.secret = { claimed: world.secret?.claimed ?? false, deleting: world.secret?.deleting ?? false, content });

let made = 0;
const fresh = (): World["connection"] => ({
  uid: `connection-${++made}`,
  claimed: false,
  deleting: false,
  paused: false,
  remote: "",
  local: "",
});

const DEEDS: Deeds<World> = {
  putFirst: put("first"),
  putSecond: put("second"),
  putElsewhere: put("elsewhere"),
  putNowhere: put("nowhere"),
  putNonsense: put("nonsense"),
  empty: put(""),
  deleteSecret: (world) => (world.secret = world.secret?.claimed ? { ...world.secret, deleting: true } : null),
  forceSecretAway: (world) => (world.secret = null),
  deleteConnection: (world) => {
    if (world.connection) world.connection = world.connection.claimed ? { ...world.connection, deleting: true } : null;
  },
  pause: ({ connection }) => Object.assign(connection ?? {}, { paused: true }),
  goOn: ({ connection }) => Object.assign(connection ?? {}, { paused: false }),
  create: (world) => (world.connection ??= fresh()),
  /** Somebody takes the finalizer off and makes it anew under its name, faster than it is looked at. */
  replace: (world) => (world.connection = fresh()),
  up: (world) => (world.provider = "up"),
  down: (world) => (world.provider = "down"),
  revoke: (world) => (world.provider = "unauthorized"),
  forbid: (world) => (world.provider = "forbidden"),
  bind: (world) => (world.bindings = 1),
  unbind: (world) => (world.bindings = 0),
};

const worlds: fc.Arbitrary<World> = fc.record({
  connection: fc.oneof(
    { weight: 1, arbitrary: fc.constant(null) },
    {
      weight: 5,
      arbitrary: fc.record({
        uid: fc.constant("connection"),
        claimed: fc.boolean(),
        deleting: fc.boolean(),
        paused: fc.constantFrom(false, false, false, true),
        remote: fc.constantFrom("", PROVIDER, "another-cluster"),
        local: fc.constantFrom("", CONSUMER),
      }),
    },
  ),
  allowed: fc.oneof(fc.constant(true), fc.constant(true), fc.boolean()),
  secret: fc.option(
    fc.record({
      content: fc.constantFrom<Content[]>("first", "first", "second", "elsewhere", "nonsense", ""),
      claimed: fc.boolean(),
      deleting: fc.boolean(),
    }),
  ),
  provider: fc.constantFrom<World["provider"][]>("up", "up", "down", "unauthorized", "forbidden"),
  bindings: fc.constantFrom(0, 1),
  leftovers: fc.constantFrom(0, 0, 1),
  client: fc.constant(null),
});

interface End {
  at: string;
  engaged: unknown;
}

const apart = (at: string): End => ({ at, engaged: false });

/** A client that is open stays so. */
const PAUSED_AT_THE_END: End = { at: "cleaningUp.paused", engaged: expect.any(Boolean) };

/** The end, derived from the clusters alone. */
function expectedEnd(world: World): End {
  const { connection } = world;
  if (connection === null) return apart("gone");
  if (connection.deleting && !connection.claimed) return apart("gone");
  if (connection.deleting && isEmpty(world)) return connection.paused ? PAUSED_AT_THE_END : apart("gone");
  return isUnused(connection) ? apart("disengaged.paused") : presentEnd(world, connection);
}

/** …for a Connection that is to stay, or is still needed. */
function presentEnd(world: World, connection: Present): End {
  const { secret, allowed } = world;
  const isUsable = allowed && ["first", "second", "elsewhere", "nowhere"].includes(secret?.content ?? "");
  return isUsable ? connectedEnd(world, connection) : apart("disengaged.secretUnusable");
}

/** Paused before it was ours and pinned, which takes a write. */
const isUnused = ({ paused, claimed, remote, local }: Present): boolean =>
  paused && (!claimed || remote === "" || local === "");

const isEmpty = ({ bindings, leftovers }: World): boolean => bindings === 0 && leftovers === 0;

type Present = NonNullable<World["connection"]>;

/** …and whose Secret can be used. */
function connectedEnd(world: World, { deleting, remote }: Present): End {
  const content = world.secret?.content;
  if (content === "nowhere") return heldEnd(world, deleting);
  if (!canAsk(world)) return apart("disengaged.waiting");
  const { provider, client } = world;
  // Who is engaged stays so with what it last knew.
  const known = client?.discovered ? "ready.current" : "engaging.discovering";
  if (provider === "forbidden" && !deleting) return { at: known, engaged: true };
  if (!["", remoteOf(content)].includes(remote)) return apart("conflicted");
  return deleting ? drainedEnd(world) : { at: "ready.current", engaged: true };
}

/** Are nothing but objects left, and may they let go? */
const isDrained = ({ bindings, connection }: World): boolean => bindings === 0 && connection?.paused !== true;

const drainedEnd = (world: World): End =>
  isDrained(world) ? apart("gone") : { at: "cleaningUp.draining.current", engaged: true };

/** …whose Secret leads nowhere at the moment: the client before goes on as long as it works and has seen something. */
function heldEnd(world: World, deleting: boolean): End {
  const { provider, client } = world;
  const works = client !== null && (provider === "up" || provider === "forbidden");
  if (!works || !(client.discovered || deleting)) return apart("disengaged.waiting");
  if (!deleting) return { at: "ready.outdated", engaged: true };
  return isDrained(world) && provider === "up" ? apart("gone") : { at: "cleaningUp.draining.outdated", engaged: true };
}

/** Can the provider be asked who it is, or has it been by the client that is kept? */
const canAsk = ({ provider, client, secret }: World): boolean =>
  provider === "up" || (provider === "forbidden" && client !== null && client.content === secret?.content);

async function settle(replica: Replica<Side>, world: World): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const before = JSON.stringify([world, replica.at]);
    await replica.settle();
    elapse(world, replica.at);
    if (JSON.stringify([world, replica.at]) === before) return;
  }
  throw new Error(`no rest in ${replica.at}: ${JSON.stringify(world)}`);
}

async function expectTheEnd(replica: Replica<Side>, world: World): Promise<void> {
  const expected = expectedEnd(structuredClone(world));
  await settle(replica, world);
  expect(replica.violations).toEqual([]);
  expect({ at: replica.at, engaged: world.client !== null }).toEqual(expected);
  if (world.connection && !world.connection.deleting && !world.connection.paused) {
    expect(world.connection.claimed).toBe(true);
    expect(world.secret === null || !world.allowed || world.secret.deleting || world.secret.claimed).toBe(true);
  }
}

const setting = fc.record({
  start: worlds,
  schedule: steps<World, Side>(SIDES, DEEDS),
  list: chances<World, Fate>(["lost", "failed"], "done", DEEDS),
});

test("a Connection comes to the one end that Secret and provider ask for, whatever happened before", async () => {
  await fc.assert(
    fc.asyncProperty(setting, async ({ start, schedule, list }) => {
      const world = structuredClone(start);
      const { next, end } = fates(world, list, "done", DEEDS);
      const replica = connectionReplica(world, next);
      for (const step of schedule) {
        await take(step, replica, world, DEEDS);
        elapse(world, replica.at);
      }
      end();
      await expectTheEnd(replica, world);
      for (const deed of ["up", "putSecond", "goOn"]) {
        DEEDS[deed]?.(world);
        await expectTheEnd(replica, world);
      }
    }),
    { numRuns: 3000 },
  );
});
