// One API server as many providers: a proxy shows it below a path of each, as a cluster of another identity that exports one
// API only. Whoever is given such a kubeconfig can tell it from a server of its own by nothing that matters here.

import { Transform } from "node:stream";

import { CRDS, NAMESPACES } from "../crds/resources.ts";
import type { Landscape } from "../test/e2e/landscape.ts";
import type { Lane } from "../test/e2e/lanes.ts";
import { apiName } from "../test/e2e/manifests.ts";
import { at, pathOf } from "../test/e2e/objects.ts";
import { KONNECTOR_USER, providerUser } from "../test/e2e/rights.ts";
import { type Passing, type RewritingProxy, startRewritingProxy } from "../test/harness/rewriting-proxy.ts";

/** On the definition of a lane's API, so that its provider can be asked for this one alone. */
const OF_LANE = "lane";

const IDENTITY = pathOf(NAMESPACES, "", "kube-system");
const DEFINITIONS = pathOf(CRDS, "");

/** The answer is small and comes in one piece. */
const replacing = (one: string, other: string): Transform =>
  new Transform({ transform: (chunk, _encoding, done) => done(null, String(chunk).replaceAll(one, other)) });

export interface Providers {
  /** For the Secret of a lane. */
  kubeconfig(lane: Lane): string;
  proxy: RewritingProxy;
}

/** The proxy comes with rights of its own on the provider, as a user whose requests `listen` counts. */
export async function showProviders(land: Landscape): Promise<Providers> {
  const { provider } = land;
  const { uid } = (await provider.objects.get(NAMESPACES, at("kube-system"))).metadata as { uid: string };
  const identityOf = (word: string) =>
    `${uid.slice(0, -12)}${Buffer.from(word.padEnd(6, "_")).toString("hex").slice(-12)}`;

  const rewrite = (request: Passing): Passing => {
    const [, word = "", rest = ""] = /^\/([^/]+)(\/.*)$/.exec(request.path) ?? [];
    const asked = { ...request, path: rest };
    if (rest === IDENTITY) return { ...asked, through: replacing(uid, identityOf(word)) };
    if (!rest.startsWith(`${DEFINITIONS}?`)) return asked;
    return { ...asked, path: rest.replace("labelSelector=", `labelSelector=${OF_LANE}%3D${word}%2C`) };
  };

  const proxy = await startRewritingProxy(await providerUser(provider.plane, `${KONNECTOR_USER}-proxied`), rewrite);
  return { kubeconfig: ({ word }) => proxy.kubeconfig(`/${word}`), proxy };
}

export const label = ({ provider }: Landscape, { word, type }: Lane): Promise<unknown> =>
  provider.objects.merge(CRDS, at(apiName(type)), { metadata: { labels: { [OF_LANE]: word } } });
