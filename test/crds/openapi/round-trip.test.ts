// From a definition on one real API server, by nothing but what that server publishes of its API, to a definition on
// another: what comes through of every construct, and that both servers judge the same objects in the same way.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { isEstablished, namesAccepted, type Crd } from "../../../crds/definition-object.ts";
import type { ExportedApi } from "../../../crds/connection.ts";
import { exportableApis } from "../../../crds/openapi/exportable.ts";
import { synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { consumerCrd } from "../../../crds/pull.ts";
import { startControlPlane, type ControlPlane } from "../../harness/control-plane.ts";
import { eventually } from "../../harness/wait.ts";
import { DEFINITIONS } from "./corpus/definitions.ts";
import { GROUP, expectedSpec, kindOf, providerCrd } from "./corpus/provider-crd.ts";
import { RULES } from "./corpus/rules.ts";
import type { Body, Sample } from "./corpus/sample.ts";
import { STRUCTURES } from "./corpus/structures.ts";
import { VALUES } from "./corpus/values.ts";
import { discoveredGroup, publishedDocument } from "./published.ts";

const CORPUS = [...VALUES, ...STRUCTURES, ...RULES, ...DEFINITIONS];
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let provider: ControlPlane;
let consumer: ControlPlane;
const exported = new Map<string, ExportedApi>();

const install = async (plane: ControlPlane, manifest: unknown): Promise<void> => {
  const answer = await plane.admin.request("POST", CRDS, manifest);
  if (answer.status !== 201) throw new Error(`${plane.name} refused: ${answer.body.message}`);
};

const served = (plane: ControlPlane, { plural }: Sample): Promise<Crd> =>
  eventually(`${plural} to be served on the ${plane.name}`, async () => {
    const crd = (await plane.admin.request("GET", `${CRDS}/${plural}.${GROUP}`)).body as Crd;
    return isEstablished(crd) && namesAccepted(crd) && crd;
  });

beforeAll(async () => {
  [provider, consumer] = await Promise.all([
    startControlPlane({ name: "provider" }),
    startControlPlane({ name: "consumer" }),
  ]);
  await Promise.all(CORPUS.map((sample) => install(provider, providerCrd(sample))));
  await Promise.all(CORPUS.map((sample) => served(provider, sample)));
  const document = await publishedDocument(provider, GROUP, "v1", CORPUS.map(kindOf));
  for (const api of exportableApis([await discoveredGroup(provider, GROUP)], () => false)) {
    exported.set(api.exported.resource, api.exported);
    const crd = synthesizeCrd(api, document);
    if (crd !== undefined) await install(consumer, consumerCrd(crd, "acme")?.manifest);
  }
  await Promise.all(CORPUS.map((sample) => served(consumer, sample)));
});
afterAll(() => Promise.all([provider.stop(), consumer.stop()]));

const pathOf = ({ plural, scope }: Sample): string =>
  scope === "Cluster" ? `/apis/${GROUP}/v1/${plural}` : `/apis/${GROUP}/v1/namespaces/default/${plural}`;

/** How a server judges a create: the object as it would store it, or why not. */
const judged = async (plane: ControlPlane, sample: Sample, object: Body) => {
  const { status, body } = await plane.admin.request("POST", `${pathOf(sample)}?dryRun=All`, {
    apiVersion: `${GROUP}/v1`,
    kind: kindOf(sample),
    metadata: { name: "x" },
    ...object,
  });
  if (status !== 201) return { status, message: body.message };
  const { metadata: _, ...stored } = body;
  return { status, stored };
};

const tried = async (sample: Sample, object: Body) => {
  const [there, here] = await Promise.all([judged(provider, sample, object), judged(consumer, sample, object)]);
  expect(here).toEqual(there);
  return here;
};

/** What a server says to a change of an object. */
const changed = async (plane: ControlPlane, sample: Sample, from: Body, to: Body, name: string) => {
  const head = { apiVersion: `${GROUP}/v1`, kind: kindOf(sample), metadata: { name } };
  const made = await plane.admin.request("POST", pathOf(sample), { ...head, ...from });
  expect(made.body.message).toBeUndefined();
  const { status, body } = await plane.admin.request("PUT", `${pathOf(sample)}/${name}`, { ...made.body, ...to });
  return { status, message: body.message };
};

test("every sample is exported once", () => {
  expect([...exported.keys()].sort()).toEqual(CORPUS.map(({ plural }) => plural).sort());
  expect(exported.get("editions")).toMatchObject({ versions: ["v1", "v1beta1"], scope: "Namespaced" });
});

describe("what is published of", () => {
  test.each(CORPUS)("$covers makes the definition that there was", async (sample) => {
    const [there, here] = await Promise.all([served(provider, sample), served(consumer, sample)]);
    expect(here.spec).toEqual(expectedSpec(there.spec));
  });
});

describe("both servers take the same objects, and refuse the same in the same words, with", () => {
  test.each(CORPUS.filter(({ accepted }) => accepted !== undefined))("$covers", async (sample) => {
    for (const object of sample.accepted ?? [])
      expect(await tried(sample, object)).toEqual(expect.objectContaining({ status: 201 }));
    for (const object of sample.refused ?? [])
      expect(await tried(sample, object)).toEqual(expect.objectContaining({ status: 422 }));
    for (const [index, [from, to]] of (sample.refusedChanges ?? []).entries()) {
      const [there, here] = await Promise.all(
        [provider, consumer].map((plane) => changed(plane, sample, from, to, `x${index}`)),
      );
      expect(here).toMatchObject({ status: 422 });
      expect(here).toEqual(there);
    }
  });
});
