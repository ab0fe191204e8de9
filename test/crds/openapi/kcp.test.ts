// A provider like a kcp workspace, where the exported API arrives without a definition: what is exported of it by default,
// and that even its own groups would come to definitions that another server takes.

import { afterAll, beforeAll, expect, test } from "vitest";

import { isExcludedGroup } from "../../../crds/denied-groups.ts";
import { isEstablished, type Crd } from "../../../crds/definition-object.ts";
import type { DiscoveredGroup } from "../../../crds/openapi/discovered.ts";
import { exportableApis } from "../../../crds/openapi/exportable.ts";
import { synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { consumerCrd } from "../../../crds/pull.ts";
import { startControlPlane, type ControlPlane } from "../../harness/control-plane.ts";
import { eventually } from "../../harness/wait.ts";
import { EXPORTED_GROUP, KCP_GROUPS, kcpCrds } from "./kcp-crds.ts";
import { discoveredGroup, publishedDocument } from "./published.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let provider: ControlPlane;
let consumer: ControlPlane;
let groups: DiscoveredGroup[];

beforeAll(async () => {
  [provider, consumer] = await Promise.all([
    startControlPlane({ name: "provider" }),
    startControlPlane({ name: "consumer" }),
  ]);
  for (const crd of kcpCrds()) expect((await provider.admin.request("POST", CRDS, crd)).status).toBe(201);
  await eventually("all to be served", async () => {
    const { body } = await provider.admin.request("GET", CRDS);
    return body.items.length === kcpCrds().length && (body.items as Crd[]).every(isEstablished);
  });
  groups = await Promise.all(KCP_GROUPS.map((name) => discoveredGroup(provider, name)));
});
afterAll(() => Promise.all([provider.stop(), consumer.stop()]));

test("of a workspace, only what it does not owe to kcp itself is exported", () => {
  expect(groups.find(({ name }) => name === "apis.kcp.io")?.versions).toEqual(["v1alpha2", "v1alpha1"]);
  const exported = exportableApis(groups, (name) => isExcludedGroup(name)).map((api) => api.exported);
  expect(exported.map(({ name }) => name)).toEqual([`widgets.${EXPORTED_GROUP}`]);
});

test("kcp's own groups come only where an operator lets them through", () => {
  const choice = { allowed: new Set(["tenancy.kcp.io"]) };
  const through = KCP_GROUPS.filter((name) => !isExcludedGroup(name, choice));
  expect(through.sort()).toEqual([EXPORTED_GROUP, "tenancy.kcp.io"].sort());
});

test("all of them would come to definitions that another server takes", async () => {
  const apis = exportableApis(groups, () => false);
  expect(apis.map(({ exported }) => exported.name)).toEqual(
    kcpCrds()
      .map((crd) => (crd as Crd).metadata.name)
      .sort(),
  );
  for (const api of apis) {
    const { group, version, kind } = api.resource;
    const crd = synthesizeCrd(api, await publishedDocument(provider, group, version, [kind]));
    const manifest = crd === undefined ? undefined : consumerCrd(crd, "acme")?.manifest;
    const { status, body } = await consumer.admin.request("POST", `${CRDS}?dryRun=All`, manifest);
    expect({ name: api.exported.name, status, message: body.message }).toEqual({
      name: api.exported.name,
      status: 201,
      message: undefined,
    });
  }
});
