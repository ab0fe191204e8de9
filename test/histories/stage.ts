// Where histories are played: a provider and a consumer, each a real API server, the real konnector between them, and a
// faulty server before each of the two. Four APIs, one for each setting of a history; all but one are bound for everybody.

import { CLUSTER_BINDINGS, CONNECTIONS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { conditions, READY } from "../e2e/conditions.ts";
import { installOurs, type Landscape, offer, served, type Side, startSide } from "../e2e/landscape.ts";
import * as manifests from "../e2e/manifests.ts";
import { at } from "../e2e/objects.ts";
import { consumerUser, providerUser } from "../e2e/rights.ts";
import { type Konnector, startKonnector } from "../harness/konnector.ts";
import { type FaultyServer, startFaultyServer } from "./faulty-server.ts";
import { faultPlan } from "./requests.ts";
import type { Setting, SideName } from "./step.ts";

export const TYPES: Record<Setting, Resource> = {
  fail: manifests.typeOf("widget"),
  adopt: manifests.typeOf("gadget"),
  plain: manifests.typeOf("plain"),
  own: manifests.typeOf("tool"),
};
/** What a Binding lists when it lists nothing else. */
export const SPARE = manifests.typeOf("spare");

export const CONNECTION = "acme";
/** The ClusterBindings, by the setting that they bind. */
export const CLUSTER_WIDE = ["fail", "adopt", "plain"] as const;

export interface Stage {
  sides: Record<SideName, Side>;
  faulty: Record<SideName, FaultyServer>;
  /** UID of the consumer cluster. */
  clusterUid: string;
  readonly konnector: Konnector;
  /** Log lines of all processes so far. */
  log(): string[];
  /** SIGKILL, and a new one that is not waited for. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function startAll(stops: (() => Promise<unknown>)[]): Promise<Stage> {
  const [provider, consumer] = await Promise.all([startSide("provider", {}), startSide("consumer", {})]);
  stops.push(() => Promise.all([provider.plane.stop(), consumer.plane.stop()]));
  await installOurs(consumer);
  const [above, below] = await Promise.all([providerUser(provider.plane), consumerUser(consumer.plane)]);
  const plan = faultPlan(undefined);
  const faulty = {
    provider: await startFaultyServer("provider", above, below, plan),
    consumer: await startFaultyServer("consumer", below, above, plan),
  };
  stops.push(() => Promise.all([faulty.provider.stop(), faulty.consumer.stop()]));
  const start = () => startKonnector({ kubeconfig: faulty.consumer.kubeconfig, args: ["--log-level", "debug"] });
  const processes = [await start()];
  const current = () => processes.at(-1) as Konnector;
  stops.push(() => current().kill());
  const stage: Stage = {
    sides: { provider, consumer },
    faulty,
    clusterUid: (await consumer.objects.get(NAMESPACES, at("kube-system"))).metadata.uid,
    get konnector() {
      return current();
    },
    log: () => processes.flatMap((one) => one.output().split("\n")),
    async restart() {
      await current().kill();
      processes.push(await start());
    },
    stop: () => stopAll(stops),
  };
  await bind(stage);
  return stage;
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

/** What of the suites' landscapes `offer` needs. */
export const asLandscape = ({ sides }: Stage) => sides as unknown as Landscape;

async function bind(stage: Stage): Promise<void> {
  const { objects } = stage.sides.consumer;
  await Promise.all(
    [...Object.entries(TYPES), ["spare", SPARE] as const].map(([setting, type]) =>
      offer(asLandscape(stage), type, { plainStatus: setting === "plain" }),
    ),
  );
  await objects.create(SECRETS, manifests.secret(CONNECTION, stage.faulty.provider.kubeconfig));
  // A Binding's API is here from the start, so that its objects can be made before it is bound.
  await objects.create(CONNECTIONS, manifests.connection(CONNECTION, { schema: { pullPolicy: "All" } }));
  for (const setting of CLUSTER_WIDE) await objects.create(CLUSTER_BINDINGS, clusterBinding(setting));
  await Promise.all(CLUSTER_WIDE.map((setting) => conditions(objects, CLUSTER_BINDINGS, at(setting), READY)));
  await Promise.all([TYPES.own, SPARE].map((type) => served(stage.sides.consumer, type)));
}

const clusterBinding = (setting: (typeof CLUSTER_WIDE)[number]) =>
  manifests.clusterBinding(setting, [TYPES[setting]], {
    connection: CONNECTION,
    conflictPolicy: setting === "adopt" ? "Adopt" : "Fail",
  });

/** The Binding of a history whose setting is "own". */
export const ownBinding = (namespace: string, conflictPolicy: "Fail" | "Adopt") =>
  manifests.binding("own", namespace, [TYPES.own], { connection: CONNECTION, conflictPolicy });

export async function startStage(): Promise<Stage> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    return await startAll(stops);
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}
