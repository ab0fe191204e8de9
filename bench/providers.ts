// One API server as many providers: a proxy shows it below a path of each, as a cluster of another identity that exports one
// API only. Whoever is given such a kubeconfig can tell it from a server of its own by nothing that matters here.

import { Transform } from "node:stream";

import { CRDS, LEASES, NAMESPACES } from "../crds/resources.ts";
import type { Landscape } from "../test/e2e/landscape.ts";
import { type Lane, openLane } from "../test/e2e/lanes.ts";
import { apiName, LEASE_NAMESPACE } from "../test/e2e/manifests.ts";
import { at, pathOf } from "../test/e2e/objects.ts";
import { grant, KONNECTOR_USER, LEASE_RIGHTS, providerUser } from "../test/e2e/rights.ts";
import { type Passing, type RewritingProxy, startRewritingProxy } from "../test/harness/rewriting-proxy.ts";

/** On the definition of a lane's API, so that its provider can be asked for this one alone. */
const OF_LANE = "lane";

const IDENTITY = pathOf(NAMESPACES, "", "kube-system");
const DEFINITIONS = pathOf(CRDS, "");

const LEASES_THERE = pathOf(LEASES, LEASE_NAMESPACE);
const USER = `${KONNECTOR_USER}-proxied`;

/** Bodies of these are small and come in one piece. */
const replacing = (one: string, other: string): Transform =>
  new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).replaceAll(one, other)) });

const inNamespace = (name: string): string => `"namespace":"${name}"`;

export interface Providers {
  /** For the Secret of a lane. */
  kubeconfig(lane: Lane): string;
  /** A lane whose provider is one of its own. */
  open(word: string): Promise<Lane>;
  stop(): Promise<void>;
}

/** A provider keeps its Leases, which are one for each cluster that comes, in the lane's namespace. */
function lease(asked: Passing, word: string): Passing {
  const [ours, theirs] = [inNamespace(LEASE_NAMESPACE), inNamespace(word)];
  const path = asked.path.replace(LEASES_THERE, pathOf(LEASES, word));
  return { ...asked, path, sending: replacing(ours, theirs), through: replacing(theirs, ours) };
}

function rewriteFor(uid: string) {
  const identityOf = (word: string) =>
    `${uid.slice(0, -12)}${Buffer.from(word.padEnd(6, "_")).toString("hex").slice(-12)}`;
  return (request: Passing): Passing => {
    const [, word = "", rest = ""] = /^\/([^/]+)(\/.*)$/.exec(request.path) ?? [];
    const asked = { ...request, path: rest };
    if (rest === IDENTITY) return { ...asked, through: replacing(uid, identityOf(word)) };
    if (rest.startsWith(LEASES_THERE)) return lease(asked, word);
    if (!rest.startsWith(`${DEFINITIONS}?`)) return asked;
    return { ...asked, path: rest.replace("labelSelector=", `labelSelector=${OF_LANE}%3D${word}%2C`) };
  };
}

/** The proxy comes with rights of its own on the provider, as a user whose requests `listen` counts. */
export async function showProviders(land: Landscape): Promise<Providers> {
  const { plane, objects } = land.provider;
  const { uid } = (await objects.get(NAMESPACES, at("kube-system"))).metadata as { uid: string };
  const proxy: RewritingProxy = await startRewritingProxy(await providerUser(plane, USER), rewriteFor(uid));
  return {
    kubeconfig: ({ word }) => proxy.kubeconfig(`/${word}`),
    async open(word) {
      const lane = await openLane(land, word);
      await objects.merge(CRDS, at(apiName(lane.type)), { metadata: { labels: { [OF_LANE]: word } } });
      await grant(plane, USER, LEASE_RIGHTS, word);
      return lane;
    },
    stop: () => proxy.stop(),
  };
}
