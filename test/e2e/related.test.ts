// Secrets and ConfigMaps that bindings bring along, in both directions. Each test has a namespace, names and a binding of its
// own, so that they run side by side. Rules: docs/reference/behaviour.md, "Related objects".

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { Key } from "../../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONFIGMAPS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { related, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, RELATED_CONSUMER_RIGHTS, RELATED_PROVIDER_RIGHTS } from "./rights.ts";
import { makeRoom } from "./rooms.ts";

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await grant(land.provider.plane, KONNECTOR_USER, RELATED_PROVIDER_RIGHTS, "", "related");
  await grant(land.consumer.plane, KONNECTOR_USER, RELATED_CONSUMER_RIGHTS, "", "related");
  await offer(land, WIDGETS);
  await down().create(SECRETS, manifests.secret("related", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("related"));
  await conditions(down(), CONNECTIONS, at("related"), READY);
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const secret = (
  { namespace, name }: Key,
  fields: Body = { data: { key: base64("one") } },
  labels: Body = {},
): Body => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace, labels },
  ...fields,
});
const configMap = ({ namespace, name }: Key, fields: Body = { data: { key: "one" } }, labels: Body = {}): Body => ({
  ...secret({ namespace, name }, fields, labels),
  kind: "ConfigMap",
});

/** A namespace with a Binding of that name and these rules, Ready. */
async function bound(word: string, ...rules: Body[]): Promise<Body> {
  await makeRoom(land, word);
  const options = { connection: "related", relatedResources: rules };
  await down().create(BINDINGS, manifests.binding(word, word, [WIDGETS], options));
  await served(land.consumer, WIDGETS);
  return conditions(down(), BINDINGS, at(word, word), READY);
}

describe.concurrent("a related object", () => {
  test("goes from the consumer to the provider with its data and type, and with nothing else of it", async () => {
    const binding = await bound("rel-up", related("secrets", "FromConsumer", { names: ["db"] }));
    const key = at("db", "rel-up");
    await down().create(
      SECRETS,
      secret(key, { type: "example.org/thing", data: { a: base64("x") } }, { team: "blue" }),
    );
    const copy = await object(up(), SECRETS, key, "to be copied");
    expect([copy.type, copy.data]).toEqual(["example.org/thing", { a: base64("x") }]);
    expect(copy.metadata.labels).toEqual({
      [LABEL.managed]: "true",
      [LABEL.consumerClusterUid]: expect.any(String),
    });
    expect(copy.metadata.annotations[ANNOTATION.relatedBinding]).toBe(binding.metadata.uid);
    await down().merge(SECRETS, key, { data: { a: base64("y") } });
    await object(up(), SECRETS, key, "to follow", ({ data }) => data.a === base64("y"));
    await down().remove(SECRETS, key);
    await absent(up(), SECRETS, key);
  });

  test("comes from the provider to the consumer, selected by labels and expressions", async () => {
    const labelSelector = {
      matchLabels: { app: "db" },
      matchExpressions: [{ key: "tier", operator: "NotIn", values: ["internal"] }],
    };
    await bound("rel-down", related("configmaps", "FromProvider", { labelSelector }));
    const [yes, no] = [at("yes", "rel-down"), at("no", "rel-down")];
    await up().create(CONFIGMAPS, configMap(no, undefined, { app: "db", tier: "internal" }));
    await up().create(CONFIGMAPS, configMap(yes, undefined, { app: "db" }));
    await object(down(), CONFIGMAPS, yes, "to be copied");
    expect(await down().get(CONFIGMAPS, no)).toBeUndefined();
    await up().merge(CONFIGMAPS, no, { metadata: { labels: { tier: null } } });
    await object(down(), CONFIGMAPS, no, "to be copied once it is selected");
    await up().merge(CONFIGMAPS, yes, { metadata: { labels: { app: "web" } } });
    await absent(down(), CONFIGMAPS, yes);
  });
});
