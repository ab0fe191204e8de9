// Partial rights on the provider are a state to live in: whichever rule of docs/reference/provider-permissions.md is taken
// away, exactly that one is named by the Connection and its binding, and not as missing here; what does not need it goes on;
// and once it is granted everything heals without a restart. One lane, user and Connection for each rule, side by side.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { FINALIZER } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, EVENTS, NAMESPACES } from "../../crds/resources.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { absent, ALL_GRANTED, NOTHING, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { CRDS_GROUP, DEFINITIONS, LONG, type LaneWork, onProvider, workIn } from "./lane-work.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import { apiName, GROUP } from "./manifests.ts";
import { at } from "./objects.ts";
import { grant, PROVIDER_RIGHTS, type Rule } from "./rights.ts";
import { grantAll, providerUserOf, setRules, type Taken, untilRefused, without } from "./rules.ts";

const READS = ["unnamed", "nospace", "noread", "nolook", "nofollow", "blind", "deaf"];
const WRITES = ["noget", "nomake", "noedit", "noend", "roles", "quota"];

let land: Landscape;
let invariants: Invariants;
let work: LaneWork;
const lanes = new Map<string, Lane>();
const lane = (word: string) => lanes.get(word) as Lane;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  work = workIn(land);
  const kindOf = (word: string) => (word === "roles" ? "Binding" : "ClusterBinding");
  const opened = await Promise.all([...READS, ...WRITES].map((word) => openLane(land, word, kindOf(word))));
  for (const one of opened) lanes.set(one.word, one);
});
afterAll(() => land?.stop());

const withoutVerb = (group: string, resource: string, verb: string): Rule[] =>
  without(PROVIDER_RIGHTS, { group, resource, verb });

/** Takes a right away that was there, and waits until the provider goes by that. */
async function take({ word, type }: Lane, verb: string): Promise<void> {
  const taken: Taken = { group: GROUP, resource: "*", verb };
  await setRules(land.provider.plane, providerUserOf(word), without(PROVIDER_RIGHTS, taken));
  await untilRefused(land.provider.plane, providerUserOf(word), { ...taken, resource: type.resource });
}

const inOrder = ({ word }: Lane) => invariants.check({ word, quiet: false });

describe.concurrent("on the provider, who may not", () => {
  test("read which cluster it is, is not engaged and told so", async () => {
    const which = lane("unnamed");
    await work.connect(
      which,
      PROVIDER_RIGHTS.filter(({ resourceNames }) => resourceNames === undefined),
    );
    await work.says(CONNECTIONS, which, {
      ...onProvider("get namespaces kube-system"),
      LocalPermissionDenied: NOTHING,
      Connected: { status: "False", reason: "Forbidden" },
    });
    await grantAll(land, which.word);
    await work.sync(which, "one");
    await work.heal(which);
  });

  test("create namespaces, is told when one is needed, and objects elsewhere are synced", async () => {
    const which = lane("nospace");
    await work.connect(which, withoutVerb("", "namespaces", "create"));
    await work.sync(which, "one");
    await work.says(CONNECTIONS, which, ALL_GRANTED);
    await work.down.create(NAMESPACES, { metadata: { name: "nospace-else" } });
    await work.make(which, "far", "nospace-else");
    await work.says(CLUSTER_BINDINGS, which, { ...onProvider("create namespaces"), LocalPermissionDenied: NOTHING });
    await work.resize(which, "one", "large");
    await work.heal(which);
    await object(work.up, which.type, at("far", "nospace-else"), "to be there");
    await inOrder(which);
  });

  test("read definitions, gets no API installed, and the Connection stays Ready", async () => {
    const which = lane("noread");
    await work.connect(which, withoutVerb(CRDS_GROUP, DEFINITIONS, "get"));
    await work.named(which, `get ${DEFINITIONS}.${CRDS_GROUP}`);
    await work.says(CONNECTIONS, which, READY);
    await work.says(CLUSTER_BINDINGS, which, { Ready: { status: "False", reason: "Forbidden" } });
    await grantAll(land, which.word);
    await work.sync(which, "one");
    await work.heal(which);
    await inOrder(which);
  });

  test("list definitions where watching is enough, goes on with everything", async () => {
    const which = lane("nolook");
    await work.connect(which, withoutVerb(CRDS_GROUP, DEFINITIONS, "list"));
    await work.named(which, `list ${DEFINITIONS}.${CRDS_GROUP}`);
    await work.sync(which, "one");
    await work.heal(which);
  });

  test("watch definitions where listing is enough, goes on with everything", async () => {
    const which = lane("nofollow");
    await work.connect(which, withoutVerb(CRDS_GROUP, DEFINITIONS, "watch"));
    await work.named(which, `watch ${DEFINITIONS}.${CRDS_GROUP}`);
    await work.sync(which, "one");
    await work.heal(which);
  });

  test("list the copies where watching is enough, goes on with everything", async () => {
    const which = lane("blind");
    await work.connect(which, withoutVerb(GROUP, "*", "list"));
    await work.named(which, `list ${apiName(which.type)} in all namespaces`);
    await work.sync(which, "one");
    await work.heal(which);
  });

  test("watch the copies, is told that the API cannot be synced, and nothing is written for it", async () => {
    const which = lane("deaf");
    await work.connect(which, withoutVerb(GROUP, "*", "watch"));
    await work.named(which, `watch ${apiName(which.type)} in all namespaces`);
    await work.says(CONNECTIONS, which, READY);
    await work.says(CLUSTER_BINDINGS, which, {
      Connected: { status: "True" },
      Ready: { status: "False", reason: "Forbidden" },
    });
    await served(land.consumer, which.type);
    expect((await work.make(which, "one")).metadata.finalizers).toBeUndefined();
    await work.heal(which);
    await work.copyOf(which, "one");
    await inOrder(which);
  });

  test("get a copy, is told before one has to be looked at, and objects are synced", async () => {
    const which = lane("noget");
    await work.connect(which, withoutVerb(GROUP, "*", "get"));
    await work.named(which, `get ${apiName(which.type)} in all namespaces`);
    await work.sync(which, "one");
    await work.resize(which, "one", "large");
    await work.heal(which);
  });

  test("create copies, goes on with those that are there", async () => {
    const which = lane("nomake");
    await work.connect(which, PROVIDER_RIGHTS);
    await work.sync(which, "one");
    await work.says(CONNECTIONS, which, ALL_GRANTED);
    await take(which, "create");
    await work.make(which, "two");
    await work.named(which, `create ${apiName(which.type)} in all namespaces`);
    await work.resize(which, "one", "large");
    await work.heal(which);
    await work.copyOf(which, "two");
    await inOrder(which);
  });

  test("patch copies, still gets their status, and deletions go on", async () => {
    const which = lane("noedit");
    const { type, word } = which;
    await work.connect(which, PROVIDER_RIGHTS);
    await work.sync(which, "one", "two");
    await take(which, "patch");
    await work.down.merge(type, at("one", word), { spec: { size: "large" } });
    await work.named(which, `patch ${apiName(type)} in all namespaces`);
    await work.down.remove(type, at("two", word));
    await absent(work.down, type, at("two", word));
    await work.heal(which);
    await work.copyOf(which, "one", "to be large", ({ spec }) => spec.size === "large");
    await inOrder(which);
  });

  test("delete copies, is told before one has to go, and everything but deletions goes on", async () => {
    const which = lane("noend");
    const { type, word } = which;
    await work.connect(which, withoutVerb(GROUP, "*", "delete"));
    await work.named(which, `delete ${apiName(type)} in all namespaces`);
    await work.sync(which, "one", "two");
    await work.down.remove(type, at("one", word));
    await work.resize(which, "two", "large");
    expect((await work.down.get(type, at("one", word))).metadata.finalizers).toEqual([FINALIZER.syncer]);
    await work.heal(which);
    await absent(work.down, type, at("one", word), LONG);
    expect(await work.up.get(type, at("one", word))).toBeUndefined();
    await inOrder(which);
  });

  test("do a thing in the one namespace of its Binding, reads that namespace; a Role there is enough", async () => {
    const which = lane("roles");
    const { type, word } = which;
    const user = providerUserOf(word);
    const rest = PROVIDER_RIGHTS.filter(({ apiGroups }) => !apiGroups.includes(GROUP));
    const watching = { apiGroups: [GROUP], resources: [type.resource], verbs: ["list", "watch"] };
    const writing = { ...watching, verbs: ["get", "create", "patch"] };
    await grant(land.provider.plane, user, [writing], word);
    await work.connect(which, [...rest, watching]);
    await work.says(CONNECTIONS, which, onProvider(`delete ${apiName(type)} in namespace ${word}`));
    await work.says(BINDINGS, which, { ...READY, ...onProvider(`delete ${apiName(type)} in namespace ${word}`) });
    await work.sync(which, "one");
    await grant(land.provider.plane, user, [{ ...writing, verbs: ["delete"] }], word, `${user}-more`);
    await work.says(BINDINGS, which, { ...READY, ...ALL_GRANTED });
    await inOrder(which);
  });

  test("have more of a thing than a quota allows, lacks no right", async () => {
    const which = lane("quota");
    const { type, word } = which;
    const quotas = { group: "", version: "v1", resource: "resourcequotas", kind: "ResourceQuota", namespaced: true };
    const count = `count/${apiName(type)}`;
    await work.up.create(quotas, { metadata: { name: "none", namespace: word }, spec: { hard: { [count]: "0" } } });
    // No controller runs here that would count.
    await work.up.merge(
      quotas,
      at("none", word),
      { status: { hard: { [count]: "0" }, used: { [count]: "0" } } },
      "status",
    );
    await work.connect(which, PROVIDER_RIGHTS);
    await work.says(CLUSTER_BINDINGS, which, READY);
    await served(land.consumer, type);
    await work.make(which, "one");
    const rejected = await eventually("an Event", async () => {
      const events = await work.down.list(EVENTS, word);
      return events.find(({ reason }) => reason === "SyncRejected") ?? new NotYet(events);
    });
    expect(rejected.message).toMatch(/exceeded quota: none/);
    await work.says(CLUSTER_BINDINGS, which, {
      PermissionDenied: NOTHING,
      Synced: { status: "False", reason: "SyncFailed" },
    });
    await work.up.remove(quotas, at("none", word));
    await work.resize(which, "one", "large");
    await inOrder(which);
  });
});
