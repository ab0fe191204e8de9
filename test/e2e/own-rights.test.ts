// Partial rights of the konnector on its own cluster are a state to live in, too: each is named in LocalPermissionDenied and
// never blamed on a provider, what does not need it goes on, and once it is granted everything heals without a restart.
// What single APIs need is taken away in lanes side by side, what all need one rule after the other.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { absent, ALL_GRANTED, conditions, type Expected, NOTHING, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { CRDS_GROUP, DEFINITIONS, here, LONG, type LaneWork, workIn } from "./lane-work.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, GROUP, SECRET_NAMESPACE } from "./manifests.ts";
import { at } from "./objects.ts";
import { CONSUMER_RIGHTS, KONNECTOR_USER, PROVIDER_RIGHTS, type Rule, SECRET_RIGHTS } from "./rights.ts";
import { grantAll, providerUserOf, setRules, type Taken, untilRefused, userWith, without } from "./rules.ts";

let land: Landscape;
let invariants: Invariants;
let work: LaneWork;
const lanes = new Map<string, Lane>();
const lane = (word: string) => lanes.get(word) as Lane;

/** All rights but one on the objects of either lane that is named for it. */
const lackingInstances = (): Rule[] =>
  [...lanes.values()].flatMap(({ word, type: { resource } }) => {
    const rule = { apiGroups: [GROUP], resources: [resource], verbs: ["get", "list", "watch"] };
    const objects = word === "patchless" ? rule : { ...rule, verbs: [...rule.verbs, "patch"] };
    const status = { ...rule, resources: [`${resource}/status`], verbs: ["patch"] };
    return word === "statusless" ? [objects] : [objects, status];
  });

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  work = workIn(land);
  const words = ["statusless", "patchless", "witness", "late"];
  for (const one of await Promise.all(words.map((word) => openLane(land, word)))) lanes.set(one.word, one);
  const general = CONSUMER_RIGHTS.filter(({ apiGroups }) => !apiGroups.includes(GROUP));
  await setRules(land.consumer.plane, KONNECTOR_USER, [...general, ...lackingInstances()]);
  const { resource } = lane("patchless").type;
  await untilRefused(land.consumer.plane, KONNECTOR_USER, { group: GROUP, resource, verb: "patch" });
});
afterAll(() => land?.stop());

const inOrder = ({ word }: Lane) => invariants.check({ word, quiet: false });

describe.concurrent("on its own cluster, a konnector that may not", () => {
  test("patch the status of objects, still carries their specs, and blames no provider", async () => {
    const which = lane("statusless");
    const { type, word } = which;
    await work.connect(which, PROVIDER_RIGHTS);
    await work.sync(which, "one");
    await work.up.merge(type, at("one", word), { status: { phase: "Running" } }, "status");
    const missing = here(`patch ${apiName(type)}/status in all namespaces`);
    await work.says(CONNECTIONS, which, { ...READY, ...missing, PermissionDenied: NOTHING });
    await work.says(CLUSTER_BINDINGS, which, { ...READY, ...missing, PermissionDenied: NOTHING });
    await work.resize(which, "one", "large");
    expect((await work.down.get(type, at("one", word))).status).toBeUndefined();
  });

  test("patch the objects of an API, syncs those of others, and blames no provider", async () => {
    const which = lane("patchless");
    await work.connect(which, PROVIDER_RIGHTS);
    await work.says(CLUSTER_BINDINGS, which, READY);
    await served(land.consumer, which.type);
    await work.make(which, "one");
    const missing = here(`patch ${apiName(which.type)} in all namespaces`);
    await work.says(CONNECTIONS, which, { ...missing, PermissionDenied: NOTHING });
    await work.says(CLUSTER_BINDINGS, which, { ...missing, PermissionDenied: NOTHING });
    const other = lane("witness");
    await work.connect(other, PROVIDER_RIGHTS);
    await work.sync(other, "one");
    await work.says(CONNECTIONS, other, ALL_GRANTED);
    expect(await work.up.get(which.type, at("one", which.word))).toBeUndefined();
  });
});

const SECRETS_ROLE = `/apis/rbac.authorization.k8s.io/v1/namespaces/${SECRET_NAMESPACE}/roles/${KONNECTOR_USER}`;
const setSecretRules = (rules: Rule[]) =>
  land.consumer.plane.admin.request("PATCH", SECRETS_ROLE, { rules }, "application/merge-patch+json");

/** All rights but this one. */
async function takeAway(taken: Taken): Promise<void> {
  const isSecrets = taken.resource === "secrets";
  await setSecretRules(isSecrets ? without(SECRET_RIGHTS, taken) : SECRET_RIGHTS);
  await setRules(land.consumer.plane, KONNECTOR_USER, isSecrets ? CONSUMER_RIGHTS : without(CONSUMER_RIGHTS, taken));
}

/**
 * Each verb of the rules that hold for every API, as conditions tell it, with what it is in the rules. Those of one namespace
 * come first: while something is missing in the whole cluster, only that is asked for again and again.
 */
const OWN: { title: string; text: string; taken: Taken }[] = [
  { title: "write finalizers of Secrets", text: `patch secrets in namespace ${SECRET_NAMESPACE}`, taken: { group: "", resource: "secrets", verb: "patch" } },
  { title: "list Secrets", text: `list secrets in namespace ${SECRET_NAMESPACE}`, taken: { group: "", resource: "secrets", verb: "list" } },
  { title: "write finalizers of bindings", text: "patch bindings.core.kube-bind.io in all namespaces", taken: { group: "core.kube-bind.io", resource: "bindings", verb: "patch" } },
  { title: "write the status of bindings", text: "patch bindings.core.kube-bind.io/status in all namespaces", taken: { group: "core.kube-bind.io", resource: "bindings/status", verb: "patch" } },
  { title: "write finalizers of Connections", text: "patch connections.core.kube-bind.io", taken: { group: "core.kube-bind.io", resource: "connections", verb: "patch" } },
  { title: "update definitions", text: `update ${DEFINITIONS}.${CRDS_GROUP}`, taken: { group: CRDS_GROUP, resource: DEFINITIONS, verb: "update" } },
  { title: "delete definitions", text: `delete ${DEFINITIONS}.${CRDS_GROUP}`, taken: { group: CRDS_GROUP, resource: DEFINITIONS, verb: "delete" } },
  { title: "learn which cluster it is on", text: "get namespaces kube-system", taken: { group: "", resource: "namespaces", verb: "get" } },
  { title: "write Events", text: "create events in all namespaces", taken: { group: "", resource: "events", verb: "create" } },
  { title: "create definitions", text: `create ${DEFINITIONS}.${CRDS_GROUP}`, taken: { group: CRDS_GROUP, resource: DEFINITIONS, verb: "create" } },
]; // prettier-ignore

describe("on its own cluster, a konnector that was not granted to", () => {
  const witness = () => lane("witness");

  test("what some of its objects need, heals when it is, without a restart", async () => {
    await setRules(land.consumer.plane, KONNECTOR_USER, CONSUMER_RIGHTS);
    const [statusless, patchless] = [lane("statusless"), lane("patchless")];
    await object(
      work.down,
      statusless.type,
      at("one", "statusless"),
      "to show it",
      ({ status }) => status?.phase,
      LONG,
    );
    await work.copyOf(patchless, "one");
    for (const which of [statusless, patchless]) {
      await work.says(CONNECTIONS, which, { ...READY, ...ALL_GRANTED });
      await inOrder(which);
    }
  });

  test("read its Secrets, says so at once on what it can read, and begins when it may", async () => {
    const taken: Taken = { group: "", resource: "secrets", verb: "watch" };
    await setSecretRules(without(SECRET_RIGHTS, taken));
    await untilRefused(land.consumer.plane, KONNECTOR_USER, taken, SECRET_NAMESPACE);
    // The reader of definitions loses that right meanwhile: what is installed goes on all the same.
    const reader = providerUserOf("patchless");
    await setRules(
      land.provider.plane,
      reader,
      without(PROVIDER_RIGHTS, { group: CRDS_GROUP, resource: DEFINITIONS, verb: "get" }),
    );
    const restarted = land.restart();
    await work.says(CONNECTIONS, witness(), here(`watch secrets in namespace ${SECRET_NAMESPACE}`));
    await work.says(CLUSTER_BINDINGS, witness(), here(`watch secrets in namespace ${SECRET_NAMESPACE}`));
    const readyz = await fetch(`${land.konnector.healthUrl}/readyz?verbose`);
    expect(await readyz.text()).toMatch(/secrets/);
    await setSecretRules(SECRET_RIGHTS);
    await restarted;
    await work.says(CONNECTIONS, witness(), { ...READY, ...ALL_GRANTED });
    await work.named(lane("patchless"), `get ${DEFINITIONS}.${CRDS_GROUP}`);
    await work.says(CLUSTER_BINDINGS, lane("patchless"), READY);
    await work.resize(lane("patchless"), "one", "large");
    await grantAll(land, "patchless");
  });

  for (const { title, text, taken } of OWN) {
    test(`${title}, is told so and nothing else, while objects go on`, async () => {
      await takeAway(taken);
      if (OWN[0]?.taken === taken) await land.restart();
      await work.says(CONNECTIONS, witness(), { ...READY, ...here(text), PermissionDenied: NOTHING });
      if (taken.resource !== "bindings/status") await work.says(CLUSTER_BINDINGS, witness(), here(text));
      await work.resize(witness(), "one", taken.verb + taken.resource.length);
    });
  }

  test("install definitions, installs them when it is", async () => {
    const late = lane("late");
    await work.connect(late, PROVIDER_RIGHTS);
    await work.says(CLUSTER_BINDINGS, late, {
      ...here(`create ${DEFINITIONS}.${CRDS_GROUP}`),
      Ready: { status: "False", reason: "Pending" },
    });
    await setRules(land.consumer.plane, KONNECTOR_USER, CONSUMER_RIGHTS);
    await work.sync(late, "one");
    await work.says(CONNECTIONS, late, { ...READY, ...ALL_GRANTED });
    await invariants.check();
  });

  test("create and delete ClusterBindings, says so on a Connection with autoBind, which is kept and ended when it is", async () => {
    const word = "auto";
    const [taken, key] = [{ group: "core.kube-bind.io", resource: "clusterbindings" }, at(word)];
    const says = (expected: Record<string, Expected>) => conditions(work.down, CONNECTIONS, key, expected, LONG);
    await takeAway({ ...taken, verb: "create" });
    await untilRefused(land.consumer.plane, KONNECTOR_USER, { ...taken, verb: "create" });
    await work.down.create(SECRETS, manifests.secret(word, await userWith(land, word, PROVIDER_RIGHTS)));
    const body = manifests.connection(word);
    await work.down.create(CONNECTIONS, { ...body, spec: { ...body.spec, autoBind: true } });
    // Once, whatever it is composed of.
    const message = /^waiting for autoBind \(on this cluster: create ClusterBinding auto: (?!.*autoBind).*\)$/;
    await says({
      ...READY,
      ...here("create clusterbindings.core.kube-bind.io"),
      PermissionDenied: NOTHING,
      SchemaInSync: { status: "False", reason: "Pending", message },
    });
    await work.resize(witness(), "one", "unbound");

    await takeAway({ ...taken, verb: "delete" });
    await object(work.down, CLUSTER_BINDINGS, key, "to be there", () => true, LONG);
    await says({ ...READY, ...here("delete clusterbindings.core.kube-bind.io"), SchemaInSync: { status: "True" } });
    await work.down.remove(CONNECTIONS, key);
    await says({
      Ready: { status: "False", reason: "DrainingBindings" },
      SchemaInSync: { status: "False", message: /delete ClusterBinding auto/ },
    });
    expect((await work.down.get(CLUSTER_BINDINGS, key)).metadata.deletionTimestamp).toBeUndefined();
    await work.resize(witness(), "one", "kept");
    await setRules(land.consumer.plane, KONNECTOR_USER, CONSUMER_RIGHTS);
    for (const resource of [CLUSTER_BINDINGS, CONNECTIONS]) await absent(work.down, resource, key, LONG);
    for (const one of lanes.values())
      for (const resource of [CONNECTIONS, CLUSTER_BINDINGS]) await work.says(resource, one, ALL_GRANTED);
    await invariants.check();
  });
});
