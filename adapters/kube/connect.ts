// From the text of a provider's kubeconfig to a Cluster: the allow-list first, then the client.

import { type Cluster, type Connect, KubeconfigError } from "../../actors/ports.ts";
import { type ClusterOptions, createCluster } from "./client.ts";
import { type KubeconfigRules, parseKubeconfig } from "./kubeconfig.ts";
import type { ServerAccess } from "./server-access.ts";

/** What passed the allow-list may still be refused by TLS itself: a key that is too short, an unknown curve. */
const open = (access: ServerAccess, options: ClusterOptions): Cluster => {
  try {
    return createCluster(access, options);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new KubeconfigError("invalid", `its certificates cannot be used for TLS (${code})`);
  }
};

/** `optionsFor` gets the Connection's name, so that its requests can be counted under it. */
export const createConnect =
  (rules: KubeconfigRules, optionsFor: (name: string) => ClusterOptions): Connect =>
  (name, kubeconfig, identity) =>
    open(parseKubeconfig(kubeconfig, rules), { ...optionsFor(name), identity });
