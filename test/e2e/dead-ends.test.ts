// What must not end in waiting for ever, nor be let go of too early: a provider that stops serving a version or a whole
// type, bindings that wait for each other's APIs, a name that becomes free, a status that may not be written. Each test has
// an API and a Connection of a word of its own.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { CONSUMER_RIGHTS, KONNECTOR_USER } from "./rights.ts";
import { makeRoom, syncedIn } from "./rooms.ts";
import { setRules, untilRefused, without } from "./rules.ts";
import { describe as described, listen } from "./traffic.ts";

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

async function connect(word: string, spec: Body = {}): Promise<void> {
  const body = manifests.connection(word);
  await down().create(SECRETS, manifests.secret(word, land.kubeconfig));
  await down().create(CONNECTIONS, { ...body, spec: { ...body.spec, ...spec } });
}

/** A Connection, and a ClusterBinding of its name that is Ready. */
async function bind(word: string, ...types: Resource[]): Promise<void> {
  for (const type of types) await offer(land, type);
  await connect(word);
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(word, types));
  await conditions(down(), CLUSTER_BINDINGS, at(word), READY);
}

async function unbind(word: string): Promise<void> {
  await down().remove(CLUSTER_BINDINGS, at(word));
  await absent(down(), CLUSTER_BINDINGS, at(word));
  await down().remove(CONNECTIONS, at(word));
  await absent(down(), CONNECTIONS, at(word));
}

const notExported = (word: string) =>
  conditions(down(), CLUSTER_BINDINGS, at(word), { Ready: { status: "False", reason: "APINotExported" } });

/** The provider exports it no longer, and serves as v2 what it served as v1. Answers the type as it is served then. */
async function moveOn(type: Resource, word: string): Promise<Resource> {
  const crd = await up().get(CRDS, at(apiName(type)));
  const [first] = crd.spec.versions;
  const versions = [
    { ...first, served: false, storage: false },
    { ...first, name: "v2" },
  ];
  await up().merge(CRDS, at(apiName(type)), { metadata: { labels: { [LABEL.exported]: null } }, spec: { versions } });
  const moved = { ...type, version: "v2" };
  await object(up(), moved, at("one", word), "to be served in the next version");
  await eventually("the version before to be gone", async () => (await up().list(type, word)).length === 0);
  await notExported(word);
  return moved;
}

test("an object whose copy the provider serves in another version only takes that copy along", async () => {
  const type = typeOf("moved");
  await bind("moved", type);
  await syncedIn(land, type, "moved");
  const next = await moveOn(type, "moved");
  await down().remove(type, at("one", "moved"));
  await absent(down(), type, at("one", "moved"));
  expect(await up().get(next, at("one", "moved"))).toBeUndefined();
  await unbind("moved");
});

test("a copy that is to stay loses our marks in whichever version it is served, also after a restart", async () => {
  const type = typeOf("stayer");
  await bind("stayer", type);
  const { copy } = await syncedIn(land, type, "stayer", undefined, { annotations: manifests.orphan });
  const next = await moveOn(type, "stayer");
  await land.restart();
  await down().remove(type, at("one", "stayer"));
  await absent(down(), type, at("one", "stayer"));
  const { metadata } = await up().get(next, at("one", "stayer"));
  expect(metadata.uid).toBe(copy.metadata.uid);
  expect(metadata.labels?.[LABEL.managed]).toBeUndefined();
  await unbind("stayer");
});

test("a type that the provider does not serve any more keeps nothing from going, also after a restart", async () => {
  const type = typeOf("vanished");
  await bind("vanished", type);
  await syncedIn(land, type, "vanished");
  await up().remove(CRDS, at(apiName(type)));
  await absent(up(), CRDS, at(apiName(type)));
  await notExported("vanished");
  await land.restart();
  await notExported("vanished");
  await unbind("vanished");
  expect(await down().get(type, at("one", "vanished"))).toBeUndefined();
});

test("a binding that goes does not wait for what another one has let go of meanwhile", async () => {
  const [shared, other, slow] = [typeOf("pairshared"), typeOf("pairother"), typeOf("pairslow")];
  await offer(land, slow);
  await bind("pair", shared, other);
  await makeRoom(land, "pair");
  await down().create(BINDINGS, manifests.binding("goer", "pair", [shared, slow], { connection: "pair" }));
  await served(land.consumer, slow);
  await down().create(slow, instance(slow, "one", "pair"));
  await object(up(), slow, at("one", "pair"), "to be there");
  await up().merge(slow, at("one", "pair"), { metadata: { finalizers: ["example.org/slow"] } });
  await down().remove(BINDINGS, at("goer", "pair"));
  await conditions(down(), BINDINGS, at("goer", "pair"), {
    Ready: { status: "False", reason: "DrainingObjects", message: /pairslows\.example\.org/ },
  });
  await down().merge(CLUSTER_BINDINGS, at("pair"), { spec: { apis: [{ name: apiName(other) }] } });
  const letGo = ({ status }: Body) => status.boundAPIs.length === 1;
  await object(down(), CLUSTER_BINDINGS, at("pair"), "to have let go of an API", letGo);
  await up().merge(slow, at("one", "pair"), { metadata: { finalizers: null } });
  await absent(down(), BINDINGS, at("goer", "pair"));
  await unbind("pair");
});

test("autoBind takes a name that becomes free, whatever Connection was referred to under it", async () => {
  const type = typeOf("freed");
  await offer(land, type);
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("freed", [type], { connection: "nobody" }));
  await connect("freed", { autoBind: true });
  await conditions(down(), CONNECTIONS, at("freed"), {
    SchemaInSync: { status: "False", reason: "ForeignObjectExists" },
  });
  await down().remove(CLUSTER_BINDINGS, at("freed"));
  const kept = ({ metadata }: Body) => metadata.ownerReferences?.[0]?.name === "freed";
  await object(down(), CLUSTER_BINDINGS, at("freed"), "to be kept", kept);
  await down().remove(CONNECTIONS, at("freed"));
  await absent(down(), CONNECTIONS, at("freed"));
});

test("a status that may not be written is tried about once a second, however much else happens", async () => {
  await connect("unwritten");
  await conditions(down(), CONNECTIONS, at("unwritten"), READY);
  const right = { group: "core.kube-bind.io", resource: "connections/status", verb: "patch" };
  await setRules(land.consumer.plane, KONNECTOR_USER, without(CONSUMER_RIGHTS, right));
  await untilRefused(land.consumer.plane, KONNECTOR_USER, right);
  const touch = (turn: number) =>
    down().merge(CONNECTIONS, at("unwritten"), { metadata: { annotations: { turn: `${turn}` } } });
  await down().merge(CONNECTIONS, at("unwritten"), { spec: { schema: { updatePolicy: "Once" } } });
  for (let turn = 0; turn < 60; turn++) await touch(turn);
  const heard = await listen(land);
  const tries = async () =>
    (await heard()).consumer.filter((event) => described(event) === "patch connections/status unwritten");
  await eventually("three tries", async () => (await tries()).length >= 3);
  const times = (await tries()).map(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp));
  await setRules(land.consumer.plane, KONNECTOR_USER, CONSUMER_RIGHTS);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1_000);
  await conditions(down(), CONNECTIONS, at("unwritten"), READY);
  await down().remove(CONNECTIONS, at("unwritten"));
  await absent(down(), CONNECTIONS, at("unwritten"));
});
