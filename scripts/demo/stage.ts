// What the story is played on: a provider and a consumer, each a real control plane, kubeconfigs for both, and later the
// konnector itself as a process of its own. All of it ends with `stop()`, and with the demo however that ends.

import { writeFileSync } from "node:fs";
import path from "node:path";

import { parse, stringify } from "yaml";

import { startControlPlane, type ControlPlane } from "../../test/harness/control-plane.ts";
import { startKonnector, type Konnector } from "../../test/harness/konnector.ts";
import { guardedDir } from "../../test/harness/process-guard.ts";
import { locateAll } from "../control-plane/locate.ts";
import { kubectlWith, type Kubectl, type Side } from "./kubectl.ts";

export interface Stage {
  url: Record<Side, string>;
  /** A kubeconfig of each side's administrator, with a context of the side's name. */
  kubeconfigs: Record<Side, string>;
  kubectlPath: string;
  kubectl: Kubectl;
  /** Path of a file that lives as long as the demo. */
  file(name: string): string;
  /** Writes it and answers its path. */
  write(name: string, text: string): string;
  /** What the sample's placeholders stand for: base64 of the certificate authority. */
  ca(side: Side): string;
  /** A kubeconfig of that side with a token as its credential. */
  kubeconfigWith(side: Side, token: string): string;
  startKonnector(kubeconfig: string): Promise<Konnector>;
  readonly konnector: Konnector | undefined;
  stop(): Promise<void>;
}

const SIDES: readonly Side[] = ["provider", "consumer"];

/** kubectl merges files by name: both sides' administrators are called admin. */
function renamed(kubeconfig: string, user: string, credential?: unknown): string {
  const config = parse(kubeconfig);
  config.users[0].name = user;
  config.contexts[0].context.user = user;
  if (credential !== undefined) config.users[0].user = credential;
  return stringify(config, { lineWidth: 0 });
}

export async function setStage(): Promise<Stage> {
  const dir = guardedDir();
  const [provider, consumer] = await Promise.all(SIDES.map((name) => startControlPlane({ name })));
  const planes = { provider, consumer } as Record<Side, ControlPlane>;
  const file = (name: string) => path.join(dir, name);
  const write = (name: string, text: string): string => {
    writeFileSync(file(name), text, { mode: 0o600 });
    return file(name);
  };
  const kubeconfigOf = (side: Side) => write(`${side}.kubeconfig`, renamed(planes[side].kubeconfig, `${side}-admin`));
  const kubeconfigs = { provider: kubeconfigOf("provider"), consumer: kubeconfigOf("consumer") };
  const kubectlPath = locateAll().kubectl;
  let konnector: Konnector | undefined;
  return {
    url: { provider: planes.provider.url, consumer: planes.consumer.url },
    kubeconfigs,
    kubectlPath,
    kubectl: kubectlWith(kubectlPath, Object.values(kubeconfigs).join(path.delimiter)),
    file,
    write,
    ca: (side) => parse(planes[side].kubeconfig).clusters[0].cluster["certificate-authority-data"],
    kubeconfigWith: (side, token) => renamed(planes[side].kubeconfig, "token", { token }),
    async startKonnector(kubeconfig) {
      konnector = await startKonnector({ kubeconfig });
      return konnector;
    },
    get konnector() {
      return konnector;
    },
    async stop() {
      await konnector?.kill();
      await Promise.all(SIDES.map((side) => planes[side].stop()));
    },
  };
}
