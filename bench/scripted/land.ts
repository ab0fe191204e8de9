// A konnector between two scripted API servers, with everything that its work needs: our definitions, an exported API, the
// namespaces on both sides, a Secret and a Connection. The binding is for the scenario, which decides when the work begins.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { binding, type BindingSpec } from "../../crds/binding.ts";
import { connection } from "../../crds/connection.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { collectionPath } from "../../adapters/kube/paths.ts";
import { MANIFESTS } from "../../test/e2e/landscape.ts";
import * as manifests from "../../test/e2e/manifests.ts";
import { type Konnector, type KonnectorOptions, startKonnector } from "../../test/harness/konnector.ts";
import { eventually, NotYet } from "../../test/harness/wait.ts";
import { MASS, ROOMS, roomOf } from "./bodies.ts";
import { kubeconfigFor, type Script, startScript } from "./script.ts";

const WORD = "scripted";
const PATIENCE = 30_000;
/** Milliseconds for the process to start: a machine that is full of other work takes its time. */
const READY_WITHIN = 120_000;

export interface ScriptedLand {
  script: Script;
  readonly konnector: Konnector;
  bind(): Promise<void>;
  /** Ends the process, as a crash would, and starts another. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

type Body = { metadata: { name: string; namespace?: string } };

async function create(url: string, resource: Resource, body: Body): Promise<void> {
  const response = await fetch(url + collectionPath("", resource, body.metadata.namespace), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${resource.resource} ${body.metadata.name}: ${await response.text()}`);
}

async function furnish({ urls }: Script): Promise<void> {
  for (const file of readdirSync(MANIFESTS)) {
    await create(urls.consumer, CRDS, parse(readFileSync(path.join(MANIFESTS, file), "utf8")) as Body);
  }
  const rooms = Array.from({ length: ROOMS }, (_, room) => roomOf(room));
  for (const url of [urls.consumer, urls.provider]) {
    for (const name of [...rooms, manifests.SECRET_NAMESPACE]) await create(url, NAMESPACES, { metadata: { name } });
  }
  const offered = manifests.apiDefinition(MASS) as Body;
  await create(urls.provider, CRDS, offered);
  await create(urls.consumer, SECRETS, manifests.secret(WORD, kubeconfigFor(urls.provider)) as Body);
  // A scripted server fills in no defaults.
  const { metadata, spec } = manifests.connection(WORD) as Body & { spec: unknown };
  await create(urls.consumer, CONNECTIONS, { metadata, ...connection.parse({ spec }) });
}

/** Resolves once the konnector is ready. */
export async function startScripted(
  objects: number,
  program: Pick<KonnectorOptions, "entry" | "nodeFlags">,
): Promise<ScriptedLand> {
  const script = await startScript(objects);
  await furnish(script);
  const start = async (): Promise<Konnector> => {
    const options = { kubeconfig: kubeconfigFor(script.urls.consumer), args: ["--allow-http"], ...program };
    const konnector = await startKonnector(options);
    await konnector.ready(READY_WITHIN);
    return konnector;
  };
  let konnector = await start();
  return {
    script,
    get konnector() {
      return konnector;
    },
    async bind() {
      const { metadata, spec } = manifests.clusterBinding(WORD, [MASS]) as Body & { spec: BindingSpec };
      await create(script.urls.consumer, CLUSTER_BINDINGS, { metadata, ...binding.parse({ spec }) });
    },
    async restart() {
      await konnector.kill();
      konnector = await start();
    },
    async stop() {
      await konnector.kill();
      await script.stop();
    },
  };
}

/** Until so many copies are there. */
export const copied = ({ script }: ScriptedLand, objects: number, patience = PATIENCE) =>
  eventually(
    `${objects} copies`,
    async () => {
      const report = await script.order({ do: "report" });
      return report.provider.present === objects ? report : new NotYet(report.provider);
    },
    patience,
  );
