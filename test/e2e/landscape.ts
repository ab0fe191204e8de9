// A provider and a consumer, each a real control plane, and the real konnector between them: what every end-to-end suite
// stands on. Secrets lead to the provider through a proxy that can fail. One landscape per test file; tests keep apart by
// names (a word of their own in every name they use).

import path from "node:path";

import { CRDS, NAMESPACES } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";
import { kubeconfigAt, startFaultProxy, type FaultProxy } from "../harness/fault-proxy.ts";
import { startKonnector, type Konnector, type KonnectorOptions } from "../harness/konnector.ts";
import { eventually } from "../harness/wait.ts";
import { auditPolicyFlag } from "./audit-policy.ts";
import { apiDefinition, apiName, type ApiOptions, LEASE_NAMESPACE, SECRET_NAMESPACE } from "./manifests.ts";
import { isMapped, MAPPED_ENTRY, mappedPlane } from "./mapped.ts";
import { at, objectsOf, pathOf, type Body, type Objects } from "./objects.ts";
import { consumerUser, providerUser } from "./rights.ts";

export const MANIFESTS = path.join(import.meta.dirname, "..", "..", "crds", "manifests");

/** Milliseconds a test waits for something the konnector is to do: generous, because machines are shared. */
export const PATIENCE = 30_000;

export interface Side {
  plane: ControlPlane;
  objects: Objects;
}

export interface Landscape {
  provider: Side;
  consumer: Side;
  /** Between the konnector and the provider, for every Secret that holds `kubeconfig`. */
  proxy: FaultProxy;
  /** What Secrets hold: the provider's kubeconfig of the konnector's user, through the proxy. */
  kubeconfig: string;
  /** The one the konnector runs with, on the consumer. */
  ownKubeconfig: string;
  /** The running process; a new one after `restart`. */
  readonly konnector: Konnector;
  /** Output of all processes so far. */
  output(): string;
  /** SIGKILL and a new process, as after a crash. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface LandscapeOptions {
  /** Namespaces can be deleted for good. */
  controllerManager?: boolean;
  konnector?: Pick<KonnectorOptions, "args" | "env" | "entry" | "nodeFlags">;
  /** Puts something between the konnector and its own cluster: makes of its kubeconfig the one that it runs with. */
  ownAccess?: (kubeconfig: string) => Promise<string>;
  /** The sides can be backed up. */
  restorable?: boolean;
  /** More flags of both API servers. */
  flags?: Record<string, string>;
  /** Default true. Without it the servers are faster, and nothing can be said about what they were asked. */
  audit?: boolean;
}

const sideOf = (plane: ControlPlane): Side => ({ plane, objects: objectsOf(plane) });

/** With the namespaces that the samples bring: of the Secrets on a consumer, of the Leases on a provider. */
export async function startSide(
  name: string,
  { controllerManager = false, restorable = false, flags, audit = true }: LandscapeOptions,
): Promise<Side> {
  const apiServerFlags = { ...(audit ? await auditPolicyFlag() : {}), ...flags };
  const plane = await startControlPlane({ name, controllerManager, restorable, audit, apiServerFlags });
  const objects = objectsOf(plane);
  const namespaces = new Set([SECRET_NAMESPACE, LEASE_NAMESPACE]);
  await Promise.all([...namespaces].map((one) => objects.create(NAMESPACES, { metadata: { name: one } })));
  return { plane, objects };
}

/** Runs kubectl as the side's admin; rejects with what it said if it fails. */
export async function kubectlAt({ plane }: Side, args: string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await plane.kubectl(args, stdin);
  if (code !== 0) throw new Error(`${plane.name}: kubectl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Our CRDs, as a user would install them. */
export const installOurs = (side: Side): Promise<string> => kubectlAt(side, ["apply", "-f", MANIFESTS]);

export async function startLandscape(options: LandscapeOptions = {}): Promise<Landscape> {
  const [above, consumer] = await Promise.all([startSide("provider", options), startSide("consumer", options)]);
  const provider = isMapped ? sideOf(mappedPlane(above.plane)) : above;
  const stops = [() => provider.plane.stop(), () => consumer.plane.stop()];
  try {
    const [, ofProvider] = await Promise.all([installOurs(consumer), providerUser(provider.plane)]);
    const ofConsumer = await consumerUser(consumer.plane);
    const proxy = await startFaultProxy(provider.plane.url);
    stops.push(() => proxy.stop());
    const own = (await options.ownAccess?.(ofConsumer)) ?? ofConsumer;
    const start = () =>
      startKonnector({ kubeconfig: own, ...(isMapped ? { entry: MAPPED_ENTRY } : {}), ...options.konnector });
    const processes = [await start()];
    const current = () => processes.at(-1) as Konnector;
    stops.push(() => current().kill());
    await current().ready();
    return {
      provider,
      consumer,
      proxy,
      kubeconfig: kubeconfigAt(ofProvider, proxy.url),
      ownKubeconfig: own,
      get konnector() {
        return current();
      },
      output: () => processes.map((one) => one.output()).join(""),
      async restart() {
        await current().kill();
        processes.push(await start());
        await current().ready();
      },
      stop: () => stopAll(stops),
    };
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

async function stopAll(stops: (() => Promise<void>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

const isEstablished = (crd: Body): boolean =>
  crd?.status?.conditions?.some((one: Body) => one.type === "Established" && one.status === "True") ?? false;

/** Until that side serves the type: an established definition, and a list that is answered, which takes a second more. */
export const served = ({ objects, plane }: Side, type: Resource): Promise<Body> =>
  eventually(
    `${apiName(type)} to be served`,
    async () => {
      const crd = await objects.get(CRDS, at(apiName(type)));
      return isEstablished(crd) && (await plane.admin.request("GET", pathOf(type, ""))).status === 200 && crd;
    },
    PATIENCE,
  );

/** Has the provider offer the type. */
export async function offer({ provider }: Landscape, type: Resource, options: ApiOptions = {}): Promise<void> {
  await provider.objects.create(CRDS, apiDefinition(type, options));
  await served(provider, type);
}
