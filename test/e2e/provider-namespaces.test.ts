// What becomes of the namespaces that copies brought to the provider when their binding goes: kept and counted, or deleted
// where the operator wants that and nothing at all is left in them. Rules: docs/reference/behaviour.md, "Provider namespaces".

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Resource } from "../../crds/kube-object.ts";
import { LABEL } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, EVENTS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { PROVIDER_RIGHTS, type Rule, rule } from "./rights.ts";
import { userWith } from "./rules.ts";

const CONFIG_MAPS: Resource = { group: "", version: "v1", resource: "configmaps", kind: "ConfigMap", namespaced: true };
const READ = rule("", "namespaces", "get");
const TIDY = [...PROVIDER_RIGHTS, rule("", "namespaces", "get delete"), rule("*", "*", "list")];

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

const start = (args: string[]) => async () => {
  land = await startLandscape({ controllerManager: true, konnector: { args } });
  invariants = invariantsOf(land);
};

/** A Connection of that name, with these rights on the provider, and a ClusterBinding that is Ready. */
async function bind(word: string, rules: readonly Rule[]): Promise<Resource> {
  const type = typeOf(word);
  await offer(land, type);
  await down().create(SECRETS, manifests.secret(word, await userWith(land, word, rules)));
  await down().create(CONNECTIONS, manifests.connection(word));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(word, [type]));
  await conditions(down(), CLUSTER_BINDINGS, at(word), READY);
  await served(land.consumer, type);
  return type;
}

/** An object in a namespace of that name, which only the consumer has so far. */
async function bring(type: Resource, namespace: string): Promise<void> {
  if ((await down().get(NAMESPACES, at(namespace))) === undefined)
    await down().create(NAMESPACES, { metadata: { name: namespace } });
  await down().create(type, instance(type, "one", namespace));
  await object(up(), type, at("one", namespace), "to be there");
}

const unbind = async (word: string): Promise<Body[]> => {
  await down().remove(CLUSTER_BINDINGS, at(word));
  await absent(down(), CLUSTER_BINDINGS, at(word));
  return down().list(EVENTS, "default");
};

/** The Event about the binding, once it is written. */
const told = (word: string): Promise<Body> =>
  eventually("an Event", async () =>
    (await down().list(EVENTS, "default")).find(
      ({ reason, involvedObject }) => reason === "NamespacesKept" && involvedObject.name === word,
    ),
  );

const isThere = async (namespace: string): Promise<boolean> => {
  const found = await up().get(NAMESPACES, at(namespace));
  return found !== undefined && found.metadata.deletionTimestamp === undefined;
};

describe("namespaces that copies brought to the provider", () => {
  beforeAll(start([]));
  afterAll(() => land?.stop());

  test("are kept and counted when the binding goes; those that the provider made are not counted", async () => {
    const type = await bind("kept", [...PROVIDER_RIGHTS, READ]);
    await up().create(NAMESPACES, { metadata: { name: "kept-theirs" } });
    for (const namespace of ["kept-a", "kept-b", "kept-theirs"]) await bring(type, namespace);
    await unbind("kept");
    expect((await told("kept")).message).toBe(
      "namespaces created for copies and kept on the provider: 2 (kept-a, kept-b)",
    );
    expect(await Promise.all(["kept-a", "kept-b", "kept-theirs"].map(isThere))).toEqual([true, true, true]);
    await invariants.check({ quiet: false, word: "kept" });
  });

  test("are kept, and not looked at, without the right to read them", async () => {
    const type = await bind("unread", PROVIDER_RIGHTS);
    await bring(type, "unread-a");
    await unbind("unread");
    expect((await told("unread")).message).toContain("not known by whom they were created: 1 (unread-a)");
    expect(await isThere("unread-a")).toBe(true);
  });

  test("are not spoken of by a binding whose objects were in none", async () => {
    await bind("unused", [...PROVIDER_RIGHTS, READ]);
    const events = await unbind("unused");
    expect(events.filter(({ involvedObject }) => involvedObject.name === "unused")).toEqual([]);
  });
});

describe("with --delete-empty-namespaces", () => {
  beforeAll(start(["--delete-empty-namespaces"]));
  afterAll(() => land?.stop());

  test("those with nothing in them go with the binding, and no others", async () => {
    const type = await bind("tidied", TIDY);
    const other = await bind("neighbour", TIDY);
    await up().create(NAMESPACES, { metadata: { name: "tidied-theirs" } });
    const foreign = { labels: { [LABEL.managed]: "true", [LABEL.consumerClusterUid]: "somebody-else" } };
    await up().create(NAMESPACES, { metadata: { name: "tidied-others", ...foreign } });
    const all = ["empty", "full", "shared", "theirs", "others", "events"].map((name) => `tidied-${name}`);
    for (const namespace of all) await bring(type, namespace);
    await bring(other, "tidied-shared-too").then(() => down().create(other, instance(other, "one", "tidied-shared")));
    await object(up(), other, at("one", "tidied-shared"), "to be there");
    await up().create(CONFIG_MAPS, { metadata: { name: "theirs", namespace: "tidied-full" }, data: { a: "1" } });
    for (const name of ["kube-root-ca.crt"])
      await up().create(CONFIG_MAPS, { metadata: { name, namespace: "tidied-empty" }, data: {} });
    const event = {
      metadata: { name: "some", namespace: "tidied-events" },
      involvedObject: { kind: "Namespace", name: "tidied-events", namespace: "tidied-events" },
      reason: "Some",
      message: "thing",
      type: "Normal",
    };
    await up().create(EVENTS, event);

    await unbind("tidied");
    for (const namespace of ["tidied-empty", "tidied-events"]) await absent(up(), NAMESPACES, at(namespace));
    expect((await told("tidied")).message).toBe(
      "namespaces created for copies and kept on the provider: 2 (tidied-full, tidied-shared)",
    );
    const left = ["full", "shared", "theirs", "others", "shared-too"].map((name) => `tidied-${name}`);
    expect(await Promise.all(left.map(isThere))).toEqual(left.map(() => true));
    expect((await up().get(CONFIG_MAPS, at("theirs", "tidied-full"))).data).toEqual({ a: "1" });
    await invariants.check({ quiet: false });
  });

  test("those in which not everything may be listed stay", async () => {
    const type = await bind("hidden", [
      ...PROVIDER_RIGHTS,
      rule("", "namespaces", "get delete"),
      rule("", "*", "list"),
    ]);
    await bring(type, "hidden-a");
    await unbind("hidden");
    expect((await told("hidden")).message).toContain("kept on the provider: 1 (hidden-a)");
    expect(await isThere("hidden-a")).toBe(true);
  });
});
