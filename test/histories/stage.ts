// Where histories are played: a provider and a consumer, each a real API server, the real konnector between them, and a
// faulty server before each of the two. Four APIs, one for each setting of a history; all but one are bound for everybody.

import { CLUSTER_BINDINGS, CONNECTIONS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { conditions, READY } from "../e2e/conditions.ts";
import { installOurs, type Landscape, offer, served, type Side, startSide } from "../e2e/landscape.ts";
import * as manifests from "../e2e/manifests.ts";
import { at } from "../e2e/objects.ts";
import { consumerUser, KONNECTOR_USER, providerUser } from "../e2e/rights.ts";
import { type Konnector, startKonnector } from "../harness/konnector.ts";
import { type FaultyServer, startFaultyServer } from "./faulty-server.ts";
import { faultPlan } from "./requests.ts";
import type { ConnectionName, Setting, SideName } from "./step.ts";

export const TYPES: Record<Setting, Resource> = {
  fail: manifests.typeOf("widget"),
  adopt: manifests.typeOf("gadget"),
  plain: manifests.typeOf("plain"),
  own: manifests.typeOf("tool"),
};
/** What a Binding lists when it lists nothing else. */
export const SPARE = manifests.typeOf("spare");

const CONNECTION = "acme";
/** One more to the same provider, and one to another: the consumer itself, which exports nothing. */
export const CONNECTION_NAMES: readonly ConnectionName[] = [CONNECTION, "twin", "other"];
/** The ClusterBindings, by the setting that they bind. */
export const CLUSTER_WIDE = ["fail", "adopt", "plain"] as const;

type ClusterWide = (typeof CLUSTER_WIDE)[number];

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
  /** Pauses the Connection, or goes on. */
  pause(on: boolean): Promise<unknown>;
  /** Deletes the ClusterBinding of that setting. */
  unbind(setting: ClusterWide): Promise<unknown>;
  /** Makes those anew that were deleted and have gone. */
  remake(): Promise<void>;
  stop(): Promise<void>;
}

async function startAll(stops: (() => Promise<unknown>)[]): Promise<Stage> {
  const [provider, consumer] = await Promise.all([startSide("provider", {}), startSide("consumer", {})]);
  stops.push(() => Promise.all([provider.plane.stop(), consumer.plane.stop()]));
  await installOurs(consumer);
  const [above, below] = await Promise.all([providerUser(provider.plane), consumerUser(consumer.plane)]);
  const other = await providerUser(consumer.plane, `${KONNECTOR_USER}-other`);
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
  const { objects } = consumer;
  const missing = new Set<ClusterWide>();
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
    pause: (on) => objects.merge(CONNECTIONS, at(CONNECTION), paused(on)),
    unbind(setting) {
      missing.add(setting);
      return objects.remove(CLUSTER_BINDINGS, at(setting));
    },
    async remake() {
      for (const setting of missing) {
        if (await objects.get(CLUSTER_BINDINGS, at(setting))) continue;
        await objects.create(CLUSTER_BINDINGS, clusterBinding(setting));
        missing.delete(setting);
      }
    },
    stop: () => stopAll(stops),
  };
  const leads = { acme: faulty.provider.kubeconfig, twin: faulty.provider.kubeconfig, other };
  await bind(stage, leads);
  return stage;
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

/** What of the suites' landscapes `offer` needs. */
export const asLandscape = ({ sides }: Stage) => sides as unknown as Landscape;

const paused = (on: boolean) => ({ metadata: { annotations: { "core.kube-bind.io/paused": on ? "true" : null } } });

async function bind(stage: Stage, leads: Record<ConnectionName, string>): Promise<void> {
  const { objects } = stage.sides.consumer;
  await Promise.all(
    [...Object.entries(TYPES), ["spare", SPARE] as const].map(([setting, type]) =>
      offer(asLandscape(stage), type, { plainStatus: setting === "plain" }),
    ),
  );
  for (const name of CONNECTION_NAMES) {
    await objects.create(SECRETS, manifests.secret(name, leads[name]));
    // A Binding's API is here from the start, so that its objects can be made before it is bound.
    const schema = { pullPolicy: name === CONNECTION ? "All" : "Bound" };
    await objects.create(CONNECTIONS, manifests.connection(name, { schema }));
  }
  for (const setting of CLUSTER_WIDE) await objects.create(CLUSTER_BINDINGS, clusterBinding(setting));
  await Promise.all(CLUSTER_WIDE.map((setting) => conditions(objects, CLUSTER_BINDINGS, at(setting), READY)));
  await Promise.all(CONNECTION_NAMES.map((name) => conditions(objects, CONNECTIONS, at(name), READY)));
  await Promise.all([TYPES.own, SPARE].map((type) => served(stage.sides.consumer, type)));
}

const clusterBinding = (setting: ClusterWide) =>
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
