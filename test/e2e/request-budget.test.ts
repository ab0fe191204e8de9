// What 500 objects cost in requests, exactly, from the audit logs of both API servers. A request that nobody planned for
// fails here, with its name. Rule: docs/reference/behaviour.md, "Cost".

import { setTimeout as pause } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { eachOf } from "../harness/pool.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { isSignOfLife, offBudget, requestsOf } from "./budget.ts";
import { conditions, READY } from "./conditions.ts";
import { counted } from "./counters.ts";
import { openLane } from "./lanes.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import { clusterBinding, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { describe as told, idleRequests, isWrite, listen, type Traffic } from "./traffic.ts";

const OBJECTS = 500;
const AT_ONCE = 16;
const IDLE = 120_000;
/** Requests a minute that show that both sides, and we, still live. */
const SIGNS_OF_LIFE = 8;
const OF_A_START = 30;
/** The objects of each side come in pages of 500, or in streams instead of them. */
const PAGES = 2 * Math.ceil(OBJECTS / 500);
const PATIENCE = 60_000;

const WORD = "budgeted";
const TYPE = typeOf(WORD);
const SECOND = typeOf("afterwards");
const names = Array.from({ length: OBJECTS }, (_, index) => `object-${index}`);
const places = names.map((name) => `${WORD}/${name}`);

let land: Landscape;
const down = () => land.consumer.objects;
const up = () => land.provider.objects;

beforeAll(async () => {
  land = await startLandscape();
  const { pieces } = await openLane(land, WORD);
  for (const { resource, body } of [pieces.Secret, pieces.Connection, pieces.binding])
    await down().create(resource, body);
  await conditions(down(), CONNECTIONS, at(WORD), READY);
  await conditions(down(), CLUSTER_BINDINGS, at(WORD), READY);
  await served(land.consumer, TYPE);
});

afterAll(() => land?.stop());

const onEach = (run: (name: string) => Promise<unknown>): Promise<void> => eachOf(names, run, AT_ONCE);

const until = (what: string, list: () => Promise<Body[]>, holds: (all: Body[]) => boolean) =>
  eventually(
    what,
    async () => {
      const all = await list();
      return holds(all) || new NotYet(`${all.length} objects`);
    },
    PATIENCE,
  );

/** Until no pass has run for a while: what may still come comes of a watch, and those are quick. */
async function rested(): Promise<void> {
  const passes = () => counted(land.konnector, "passes_total", {});
  for (let before = -1, now = await passes(); before !== now; now = await passes()) {
    before = now;
    await pause(1_500); // no waiting for anything: the time in which nothing may happen
  }
}

/** What was asked meanwhile, beyond or short of `perObject`. */
async function cost(perObject: string[], change: () => Promise<unknown>): Promise<string[]> {
  const heard = await listen(land);
  await change();
  await rested();
  return offBudget(await heard(), perObject, places);
}

const patch = (side: string, resource: string) => `${side} patch ${resource}`;
const copies = (type: Resource = TYPE) => up().list(type);

describe(`${OBJECTS} objects`, () => {
  test("cost two requests each to create: our finalizer, and the copy", async () => {
    const extra = await cost([patch("consumer", TYPE.resource), patch("provider", TYPE.resource)], async () => {
      await onEach((name) => down().create(TYPE, instance(TYPE, name, WORD)));
      await until("all copies", copies, ({ length }) => length === OBJECTS);
    });
    expect(extra).toEqual([]);
  });

  test("cost one request for each edit", async () => {
    const extra = await cost([patch("provider", TYPE.resource)], async () => {
      await onEach((name) => down().merge(TYPE, at(name, WORD), { spec: { size: "large" } }));
      await until("all edits", copies, (all) => all.every(({ spec }) => spec.size === "large"));
    });
    expect(extra).toEqual([]);
  });

  test("cost one request for each change of a status", async () => {
    const extra = await cost([patch("consumer", `${TYPE.resource}/status`)], async () => {
      await onEach((name) => up().merge(TYPE, at(name, WORD), { status: { phase: "Running" } }, "status"));
      const originals = () => down().list(TYPE);
      await until("all statuses", originals, (all) => all.every(({ status }) => status?.phase === "Running"));
    });
    expect(extra).toEqual([]);
  });

  test("cost no write, and few reads, when the konnector starts anew and everything is in sync", async () => {
    const heard = await listen(land);
    const killed = new Date().toISOString();
    await land.restart();
    await rested();
    const { consumer, provider } = await heard();
    // The watches of the one that was killed end now, too.
    const all = [...consumer, ...provider].filter(({ requestReceivedTimestamp }) => requestReceivedTimestamp > killed);
    expect(all.filter(isWrite).map(told)).toEqual([]);
    const asked = requestsOf(all.filter((event) => !isSignOfLife(event)));
    expect(asked.length, asked.join("\n")).toBeLessThanOrEqual(OF_A_START + PAGES);
  });

  test("cost nothing when another API is bound", async () => {
    const heard = await listen(land);
    await offer(land, SECOND);
    await down().create(CLUSTER_BINDINGS, clusterBinding(SECOND.resource, [SECOND], { connection: WORD }));
    await conditions(down(), CLUSTER_BINDINGS, at(SECOND.resource), READY);
    await rested();
    const { consumer, provider } = await heard();
    const ofTheFirst = [...consumer, ...provider].filter(({ objectRef }) => objectRef?.resource === TYPE.resource);
    expect(requestsOf(ofTheFirst)).toEqual([]);
  });

  test(
    "cost nothing while nothing happens: for two minutes, only signs of life",
    async () => {
      const heard = await listen(land);
      await pause(IDLE); // no waiting for anything: the time in which nothing may happen
      const { consumer, provider } = await heard();
      const asked = (events: Traffic["consumer"]) =>
        events.filter(({ objectRef }) => objectRef?.resource === TYPE.resource);
      // A server ends each watch after minutes; it is opened again where it stood, without a list.
      expect(
        asked([...consumer, ...provider])
          .filter(({ verb }) => verb !== "watch")
          .map(told),
      ).toEqual([]);
      for (const events of [consumer, provider])
        expect(idleRequests(events).length, idleRequests(events).join(", ")).toBeLessThanOrEqual(
          (SIGNS_OF_LIFE * IDLE) / 60_000,
        );
    },
    IDLE + 60_000,
  );

  test("cost two requests each to delete: the copy, and our finalizer", async () => {
    const extra = await cost([`provider delete ${TYPE.resource}`, patch("consumer", TYPE.resource)], async () => {
      await onEach((name) => down().remove(TYPE, at(name, WORD)));
      await until(
        "all objects to be gone",
        () => down().list(TYPE),
        ({ length }) => length === 0,
      );
    });
    expect(extra).toEqual([]);
    expect(await copies()).toEqual([]);
  });
});

describe("the budget", () => {
  test("names each request that is too many, and each that is missing", () => {
    const event = (verb: string, name: string) => ({
      auditID: `${verb}-${name}`,
      stage: "ResponseComplete" as const,
      verb,
      requestURI: "",
      user: {},
      objectRef: { resource: TYPE.resource, namespace: WORD, name },
      requestReceivedTimestamp: "",
      stageTimestamp: "",
    });
    const heard = { consumer: [], provider: [event("patch", "one"), event("patch", "one"), event("get", "two")] };
    expect(offBudget(heard, [patch("provider", TYPE.resource)], [`${WORD}/one`, `${WORD}/two`])).toEqual([
      `extra: provider patch ${TYPE.resource} ${WORD}/one`,
      `extra: provider get ${TYPE.resource} ${WORD}/two`,
      `missing: provider patch ${TYPE.resource} ${WORD}/two`,
    ]);
  });
});
