import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";

import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
const SAMPLES = path.join(ROOT, "samples");
const FILES = readdirSync(SAMPLES, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));

const documents = (file: string) =>
  parseAllDocuments(readFileSync(path.join(SAMPLES, file), "utf8")).map((document) => document.toJS());

let plane: ControlPlane;
const kubectl = async (...args: string[]) => {
  const { code, stdout, stderr } = await plane.kubectl(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};

beforeAll(async () => {
  plane = await startControlPlane();
  const crds = path.join(ROOT, "crds", "manifests");
  await kubectl("apply", "-f", crds, "-f", path.join(SAMPLES, "provider"));
  await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
});
afterAll(() => plane?.stop());

test("there are samples for both sides", () => {
  expect(FILES.sort()).toEqual([
    "consumer/bundle.yaml",
    "consumer/konnector-rbac.yaml",
    "consumer/widget.yaml",
    "provider/access.yaml",
    "provider/widgets-crd.yaml",
    "related/konnector-rbac.yaml",
    "related/provider-access.yaml",
  ]);
});

test.each(FILES)("an API server accepts every document and every field of %s", async (file) => {
  const stdout = await kubectl("apply", "--dry-run=server", "--validate=strict", "-f", path.join(SAMPLES, file));
  expect(stdout.trim().split("\n")).toHaveLength(documents(file).length);
});

test("the provider's CRD is exported", () => {
  const [crd] = documents("provider/widgets-crd.yaml");
  expect(crd.metadata).toEqual({ name: "widgets.example.org", labels: { "core.kube-bind.io/exported": "true" } });
});

test("each document of the bundle comes before the one it needs", () => {
  const [binding, connection, secret] = documents("consumer/bundle.yaml");
  expect(binding.spec.apis).toEqual([{ name: "widgets.example.org" }]);
  expect(binding.spec.connectionRef.name).toBe(connection.metadata.name);
  const { namespace, name, key } = connection.spec.kubeconfigSecretRef;
  expect(secret.metadata).toEqual({ name, namespace });
  expect(Object.keys(secret.stringData)).toEqual([key]);
});

test("the bundle's kubeconfig, filled in, is one the konnector accepts", () => {
  const [, , secret] = documents("consumer/bundle.yaml");
  const ca = parse(plane.kubeconfig).clusters[0].cluster["certificate-authority-data"] as string;
  const filled = (secret.stringData.kubeconfig as string)
    .replace("PROVIDER_SERVER", plane.url)
    .replace("PROVIDER_CA", ca)
    .replace("PROVIDER_TOKEN", "a-token");
  expect(filled).not.toContain("PROVIDER_");
  const access = parseKubeconfig(filled, {});
  expect(access.server.origin).toBe(plane.url);
});
