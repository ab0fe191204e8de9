// That a real API server takes what documents come to, in full and opened: those of servers built on Go types, of which the
// API server's own are the richest there are, and a sample of all that documents.ts can think of.

import { afterAll, beforeAll, expect, test } from "vitest";

import type { Crd } from "../../../crds/definition-object.ts";
import { parseJson } from "../../../crds/json.ts";
import { exportableApis, type ExportableApi } from "../../../crds/openapi/exportable.ts";
import { openedCrd, synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { consumerCrd } from "../../../crds/pull.ts";
import { startControlPlane, type ControlPlane } from "../../harness/control-plane.ts";
import { fc } from "../properties.ts";
import { documents } from "./documents.ts";
import { FIELDS, zooDocument } from "./go-document.ts";
import { discoveredGroup } from "./published.ts";
import { synthesized } from "./synthesized.ts";

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

/** What a server says to a definition and to the opened one. */
const verdicts = async (crd: Crd | undefined): Promise<string[]> => [
  await tried(crd),
  await tried(crd === undefined ? undefined : openedCrd(crd)),
];
const TAKEN = ["taken", "taken"];

test("every built-in type that can be synced comes to a definition that a server takes", async () => {
  const { body } = await plane.admin.request("GET", "/apis");
  const groups = ["", ...body.groups.map(({ name }: { name: string }) => name)];
  const said: Record<string, string> = {};
  for (const group of groups) {
    const judge = async ({ api, document }: { api: ExportableApi; document: unknown }) => {
      said[api.exported.name] = await tried(synthesizeCrd(api, document));
    };
    await Promise.all((await published(group)).map(judge));
  }
  expect(Object.entries(said).filter(([, verdict]) => verdict !== "taken")).toEqual([]);
  expect(Object.keys(said).length).toBeGreaterThan(50);
}, 120_000);

test("every construct of a document made from Go types comes to one that a server takes", async () => {
  const fields = FIELDS.map(([, published], index) => [`field${index}`, published] as const);
  expect(await verdicts(synthesized(zooDocument(Object.fromEntries(fields))))).toEqual(TAKEN);
});

/** The same documents each time: a failure is one of the translation, and can be looked at. */
const SAMPLE = { numRuns: 150, seed: 20_260_101 };

test("a sample of whatever documents there may be comes to definitions that a server takes", async () => {
  for (const document of fc.sample(documents, SAMPLE)) {
    const [full, open] = await verdicts(synthesized(document));
    // Only a server can tell whether a default matches a pattern; then there is the opened one.
    const isTaken = full === "taken" || /^[^[]*default[^,]*in body should match[^,]*$/.test(full ?? "");
    expect({ full, isTaken, open, document }).toMatchObject({ isTaken: true, open: "taken" });
  }
}, 120_000);

test("a definition in a group of Kubernetes' own is taken, and served", async () => {
  const [api] = exportableApis([await discoveredGroup(plane, "node.k8s.io")], () => false);
  const { text } = await plane.admin.request("GET", "/openapi/v3/apis/node.k8s.io/v1");
  if (api === undefined) throw new Error("nothing exportable");
  const group = "synthesized.k8s.io";
  const crd = synthesizeCrd(
    {
      exported: { ...api.exported, group, name: `runtimeclasses.${group}` },
      resource: { ...api.resource, group, shortNames: [] },
    },
    parseJson(text.replaceAll("node.k8s.io", group)),
  );
  expect(await verdicts(crd)).toEqual(TAKEN);
});
