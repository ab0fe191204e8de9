// Schemas made from Go types, as an aggregated API server publishes them: the API server's own documents are the richest
// there are. Every type in them that can be synced must come to a definition that a server takes.

import { afterAll, beforeAll, expect, test } from "vitest";

import type { Crd } from "../../../crds/definition-object.ts";
import { parseJson } from "../../../crds/json.ts";
import { exportableApis, type ExportableApi } from "../../../crds/openapi/exportable.ts";
import { openedCrd, synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { consumerCrd } from "../../../crds/pull.ts";
import { startControlPlane, type ControlPlane } from "../../harness/control-plane.ts";
import { discoveredGroup } from "./published.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({
    apiServerFlags: { "runtime-config": "api/all=true", "feature-gates": "AllAlpha=true,AllBeta=true" },
  });
});
afterAll(() => plane.stop());

/** Groups that are built in are refused by every server: the same API, as another server would publish it. */
const foreign = (group: string): string => `${group === "" ? "core" : group.replaceAll(".", "-")}.example.org`;

const published = async (group: string): Promise<{ api: ExportableApi; document: unknown }[]> => {
  const found = exportableApis([await discoveredGroup(plane, group)], () => false);
  return Promise.all(
    found.map(async ({ exported, resource }) => {
      const base = group === "" ? "api" : `apis/${group}`;
      const { text } = await plane.admin.request("GET", `/openapi/v3/${base}/${resource.version}`);
      const name = foreign(group);
      return {
        document: parseJson(text.replaceAll(`"group":"${group}"`, `"group":"${name}"`)),
        api: {
          exported: { ...exported, group: name, name: `${resource.resource}.${name}` },
          resource: { ...resource, group: name },
        },
      };
    }),
  );
};

const tried = async (crd: Crd | undefined): Promise<string> => {
  const manifest = crd === undefined ? undefined : consumerCrd(crd, "acme")?.manifest;
  if (manifest === undefined) return "no definition";
  const { status, body } = await plane.admin.request("POST", `${CRDS}?dryRun=All`, manifest);
  return status === 201 ? "taken" : body.message;
};

test("every built-in type that can be synced comes to a definition that a server takes, in full and opened", async () => {
  const { body } = await plane.admin.request("GET", "/apis");
  const groups = ["", ...body.groups.map(({ name }: { name: string }) => name)];
  const verdicts: Record<string, string[]> = {};
  for (const group of groups) {
    for (const { api, document } of await published(group)) {
      const crd = synthesizeCrd(api, document);
      verdicts[api.exported.name] = [await tried(crd), crd === undefined ? "" : await tried(openedCrd(crd))];
    }
  }
  const refused = Object.entries(verdicts).filter(([, verdict]) => verdict.some((word) => word !== "taken"));
  expect(refused).toEqual([]);
  expect(Object.keys(verdicts).length).toBeGreaterThan(50);
}, 120_000);
