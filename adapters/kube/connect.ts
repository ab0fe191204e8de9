// From the text of a provider's kubeconfig to a Cluster: the allow-list first, then the client.

import type { Connect } from "../../actors/ports.ts";
import { type ClusterOptions, createCluster } from "./client.ts";
import { type KubeconfigRules, parseKubeconfig } from "./kubeconfig.ts";

/** `optionsFor` gets the Connection's name, so that its requests can be counted under it. */
export const createConnect =
  (rules: KubeconfigRules, optionsFor: (name: string) => ClusterOptions): Connect =>
  (name, kubeconfig) =>
    createCluster(parseKubeconfig(kubeconfig, rules), optionsFor(name));
