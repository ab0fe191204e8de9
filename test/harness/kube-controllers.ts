// The two controllers of kube-controller-manager without which an API server never finishes a namespace's deletion and
// never collects what an owner leaves behind. Everything else of it stays off.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const FLAGS = [
  "--controllers=namespace-controller,garbage-collector-controller",
  "--leader-elect=false",
  "--secure-port=0",
  "--kube-api-qps=200",
  "--kube-api-burst=400",
];

/** Starts `binary` against the cluster of `kubeconfigPath`; resolves at once with the function that ends it. */
export async function startKubeControllers(
  binary: string,
  kubeconfigPath: string,
  dir: string,
): Promise<() => Promise<void>> {
  const child = spawn(binary, [`--kubeconfig=${kubeconfigPath}`, `--cert-dir=${path.join(dir, "kcm")}`, ...FLAGS], {
    stdio: "ignore",
  });
  await once(child, "spawn");
  const closed = once(child, "close");
  return async () => {
    child.kill("SIGKILL");
    await closed;
  };
}
