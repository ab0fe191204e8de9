// Hostile and broken providers, each on a Connection of its own, in one process with a healthy one: every fault strikes
// from the beginning and again while the Connection is engaged, is said where a user looks, in bounded time and memory,
// disturbs nobody else, and is over when it is healed, without a restart. Tests run side by side, each in a lane.

import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, SECRETS } from "../../crds/resources.ts";
import {
  createHostilePki,
  type Fault,
  type HostilePki,
  type HostileServer,
  startHostileServer,
} from "../harness/hostile-server.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { conditions, type Expected, object, READY } from "./conditions.ts";
import { counted } from "./counters.ts";
import { BADNESS, json, made, refusal, UNSAID } from "./faults.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { interleaved, median, type Pulse, quantile, startPulse } from "./pulse.ts";
import { look } from "./world.ts";

// All at once: most of a fault's time is waiting.
vi.setConfig({ maxConcurrency: 40 });

/** Milliseconds until a fault shows: one request that is not answered, or two heartbeats and a last question. */
const NOTICED = 45_000;
/** Milliseconds until it is over: the longest back-off, and a moment. */
const HEALED = 60_000;
/** Milliseconds that an edit of a healthy Connection may take on a busy machine; one that waited for a bad one takes 30 s. */
const PROMPT = 15_000;
/** MB that the process may ever have more than before, with all of this at once. */
const GROWN = 450;
const BUSY = 5;
const SINGLES = ["busy", "many", "fifty"];

let land: Landscape;
let pki: HostilePki;
let invariants: Invariants;
let pulse: Pulse;
const lanes = new Map<string, Lane>();
const servers = new Map<string, HostileServer>();
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const lane = (word: string) => lanes.get(word) as Lane;
const serverOf = (word: string) => servers.get(word) as HostileServer;

beforeAll(async () => {
  pki = await createHostilePki();
  // What is alive at a time has little room: a konnector that lets a provider fill its memory ends, and its tests with it.
  land = await startLandscape({ konnector: { env: { NODE_OPTIONS: "--max-old-space-size=256" } } });
  invariants = invariantsOf(land);
  const words = ["healthy", ...BADNESS.map(({ word }) => word), ...SINGLES];
  for (const opened of await Promise.all(words.map((word) => openLane(land, word)))) {
    lanes.set(opened.word, opened);
    servers.set(opened.word, await startHostileServer(land.kubeconfig, pki));
  }
  await bind("healthy");
  await ready("healthy");
  pulse = await startPulse(land, lane("healthy"));
  atFirst = memory().now;
});
afterAll(async () => {
  await pulse?.stop();
  for (const server of servers.values()) await server.stop();
  await land?.stop();
});

/** Secret, Connection and binding of a lane; the Secret leads to the lane's own server. */
async function bind(word: string): Promise<void> {
  const { pieces } = lane(word);
  await down().create(SECRETS, manifests.secret(word, serverOf(word).kubeconfig));
  for (const { resource, body } of [pieces.Connection, pieces.binding]) await down().create(resource, body);
}

const says = (word: string, expected: Record<string, Expected>, deadline = NOTICED): Promise<Body> =>
  conditions(down(), CONNECTIONS, at(word), expected, deadline);

/** The Connection and the binding are Ready and the definition is served. */
async function ready(word: string): Promise<void> {
  await says(word, READY, HEALED);
  await conditions(down(), CLUSTER_BINDINGS, at(word), READY, HEALED);
  await served(land.consumer, lane(word).type);
}

const create = (word: string, name: string): Promise<Body> => {
  const { type } = lane(word);
  return down().create(type, manifests.instance(type, name, word));
};
const copied = (word: string, name: string, size = "small"): Promise<Body> =>
  object(up(), lane(word).type, at(name, word), `to be ${size}`, ({ spec }) => spec.size === size, HEALED);

/** Works while it is bad; once it is healed everything has been carried, and nothing was made twice. */
async function survive(word: string, fault: Fault, turned: Record<string, Expected>): Promise<void> {
  const { type } = lane(word);
  await create(word, "kept");
  const before = await copied(word, "kept");
  serverOf(word).turn(fault);
  await says(word, turned);
  await down().merge(type, at("kept", word), { spec: { size: "large" } });
  await create(word, "fresh");
  serverOf(word).turn();
  await ready(word);
  const after = await copied(word, "kept", "large");
  expect(after.metadata.uid).toBe(before.metadata.uid);
  await copied(word, "fresh");
  await says(word, { ...READY, SchemaInSync: { status: "True" } }, HEALED);
  await invariants.check({ word, quiet: false });
}

/** What the process had when every Connection was still to come. */
let atFirst = 0;
/** Resident memory in MB, now and at most so far. */
const memory = (): { now: number; most: number } => {
  const text = readFileSync(`/proc/${land.konnector.pid}/status`, "utf8");
  const of = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1]) / 1024;
  return { now: of("VmRSS"), most: of("VmHWM") };
};

/** Milliseconds in which connections that are made at once are there on a busy machine, each with its question. */
const MOMENT = 1_000;

describe.concurrent("a provider that", () => {
  for (const { title, word, fault, says: expected, turned } of BADNESS) {
    test(`${title} is reported in bounded time, and in use once it is healed`, async () => {
      serverOf(word).turn(fault(pki));
      await bind(word);
      await says(word, expected);
      serverOf(word).turn();
      await ready(word);
      await survive(word, fault(pki), turned);
    }, 300_000);
  }

  test("asks to be left in peace is left in peace for as long as it says", async () => {
    const word = "busy";
    const server = serverOf(word);
    const busy: Fault = {
      answer: (_request, response) =>
        json(response, 429, refusal(429, "TooManyRequests", "slow down"), { "retry-after": String(BUSY) }),
    };
    /** Milliseconds between two requests for the same thing. Two at one moment are one: both were on their way. */
    const gaps = () => {
      const last = new Map<string, number>();
      return server.requests.flatMap(({ at: when, line }) => {
        const what = line.replace(/\?.*/, "");
        const before = last.get(what);
        last.set(what, when);
        return before === undefined || when - before < MOMENT ? [] : [when - before];
      });
    };
    const patience = async (times: number) => {
      await eventually("more requests", () => gaps().length >= times || new NotYet(server.requests), HEALED);
      expect(Math.min(...gaps()), JSON.stringify(server.requests)).toBeGreaterThan(BUSY * 1_000 - 50);
    };
    server.turn(busy);
    await bind(word);
    await says(word, { Connected: { status: "False", reason: "Pending", message: /slow down/ } });
    await patience(2);
    // Nothing else was asked meanwhile: it is the server that is busy.
    expect(new Set(server.requests.map(({ line }) => line)).size).toBe(1);
    server.turn();
    await ready(word);
    server.turn(busy);
    await says(word, { Connected: { status: "False", reason: "Pending", message: /slow down/ } });
    await patience(2);
    expect(land.output()).toContain(`"side":"${word}","why":"slow down"`);
    server.turn();
    await says(word, { ...READY, SchemaInSync: { status: "True" } }, HEALED);
    await create(word, "one");
    await copied(word, "one");
    expect(await counted(land.konnector, "limiter_limit", { side: "healthy" })).toBe(32);
  }, 300_000);
});

test("a provider with 10,000 exported definitions is Ready, and says that not all of them have room", async () => {
  const word = "many";
  const own = await up().get(CRDS, at(manifests.apiName(lane(word).type)));
  const page = made(10_000);
  page.items.push(own);
  serverOf(word).turn({
    answer: (request, response) => {
      if (request.url?.includes("/customresourcedefinitions?") !== true) return false;
      if (!request.url.includes("watch=true")) return json(response, 200, page);
      if (request.url.includes("sendInitialEvents")) return json(response, 400, refusal(400, "BadRequest", ""));
      response.writeHead(200, { "content-type": "application/json" });
      return response.flushHeaders();
    },
  });
  await bind(word);
  const { status } = await says(word, {
    Ready: { status: "True", message: /has room for \d+ of 10001 exported APIs/ },
  });
  expect(status.exportedAPIs.length).toBeGreaterThan(2_000);
  await ready(word);
  await create(word, "one");
  await copied(word, "one");
  serverOf(word).turn();
  await says(word, { Ready: { status: "True", message: /^engaged with the provider$/ } }, HEALED);
}, 180_000);

test("a list of 50 MB costs little memory and nobody else's time", async () => {
  const word = "fifty";
  const page = made(500, 100_000);
  page.items.push(await up().get(CRDS, at(manifests.apiName(lane(word).type))));
  const text = JSON.stringify(page);
  expect(text.length).toBeGreaterThan(50e6);
  serverOf(word).turn({
    answer: (request, response) => {
      if (request.url?.includes("/customresourcedefinitions?") !== true) return false;
      if (!request.url.includes("watch=true")) return json(response, 200, text);
      return json(response, 400, refusal(400, "BadRequest", "watches are refused"));
    },
  });
  const before = memory();
  const mark = pulse.beats.length;
  await bind(word);
  await eventually(
    "some lists",
    () => serverOf(word).requests.filter(({ line }) => /s\?labelSelector/.test(line)).length >= 3,
    HEALED,
  );
  await object(down(), CONNECTIONS, at(word), "to know them all", ({ status }) => status.exportedAPIs?.length === 501);
  expect(memory().most - before.most).toBeLessThan(150);
  expect(memory().now - before.now).toBeLessThan(150);
  expect(Math.max(...pulse.beats.slice(mark))).toBeLessThan(PROMPT);
  serverOf(word).turn();
  await ready(word);
}, 180_000);

test("meanwhile the healthy Connection was never held up, and the process never grew large", async () => {
  await pulse.stop();
  const late = pulse.beats.filter((milliseconds) => milliseconds > PROMPT);
  expect(pulse.beats.length).toBeGreaterThan(100);
  expect(late).toEqual([]);
  await says("healthy", READY);
  expect(pulse.flaps()).toEqual([]);
  expect(memory().most - atFirst).toBeLessThan(GROWN);
});

test("a provider that has become a black hole costs the others no time: median of interleaved pairs", async () => {
  const bad = lane("deaf");
  const swallow: Fault = { connection: (socket) => socket.resume() };
  const measured = await interleaved(land, lane("healthy"), { pairs: 5, beats: 15 }, async (ill, pair) => {
    serverOf(bad.word).turn(ill ? swallow : undefined);
    // So that requests hang as well.
    await down().merge(bad.type, at("kept", bad.word), { spec: { size: `pair-${pair}-${ill}` } });
  });
  const [well, ill] = (["well", "ill"] as const).map((half) => median(measured.map((one) => quantile(one[half], 0.5))));
  // Noise is a few milliseconds, a provider that is waited for is seconds.
  expect(ill).toBeLessThan(100 + 2 * (well as number));
}, 180_000);

test("no credential and no text without measure is in any log line, condition, Event or metric", async () => {
  const { secrets: _secrets, ...world } = await look(land);
  const metrics = await (await fetch(`${land.konnector.metricsUrl}/metrics`)).text();
  const said = [land.output(), metrics, JSON.stringify(await down().list(EVENTS)), JSON.stringify(world)].join("\n");
  for (const text of UNSAID) expect(said.includes(text), `"${text.slice(0, 20)}…" was said`).toBe(false);
  const longest = Math.max(
    ...land
      .output()
      .split("\n")
      .map(({ length }) => length),
  );
  expect(longest).toBeLessThan(10_000);
});
