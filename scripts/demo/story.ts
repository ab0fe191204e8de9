// The story itself, step by step, each with the commands a user would type. A step is done when what it promises is true
// (kubectl waits for it, with a deadline), not when a command has been sent.

import { readFileSync } from "node:fs";

import { command, say } from "./screen.ts";
import type { Stage } from "./stage.ts";

export interface Step {
  /** What will be true when the step is done. */
  title: string;
  play(stage: Stage): Promise<void>;
}

const TIMEOUT = "--timeout=20s";
const MANAGED = "core.kube-bind.io/managed=true";

const BUNDLE = "bundle.yaml";
const REVERSED = "bundle-reversed.yaml";

/** Writes the sample bundle with the credential filled in, and the same documents in the opposite order. */
function writeBundles(stage: Stage, token: string): void {
  const filled = readFileSync("samples/consumer/bundle.yaml", "utf8")
    .replace("PROVIDER_SERVER", stage.url.provider)
    .replace("PROVIDER_CA", stage.ca("provider"))
    .replace("PROVIDER_TOKEN", token);
  const documents = filled.split("---\n");
  stage.write(BUNDLE, filled);
  stage.write(REVERSED, documents.reverse().join("---\n"));
}

const offer: Step = {
  title: "The provider exports widgets.example.org, and gives one consumer access to it.",
  async play({ kubectl }) {
    await kubectl.run("provider", ["apply", "-f", "samples/provider"]);
    await kubectl.run("provider", ["wait", "--for=condition=Established", "crd/widgets.example.org", TIMEOUT]);
    await kubectl.run("provider", ["get", "crd", "-l", "core.kube-bind.io/exported=true"]);
  },
};

const tokenOf = (account: string) => ["create", "token", account, "-n", "kube-bind", "--duration=24h"];

const install: Step = {
  title: "The consumer gets three kinds of its own, and the konnector. The provider gets nothing.",
  async play(stage) {
    const { kubectl } = stage;
    await kubectl.run("consumer", ["apply", "-f", "crds/manifests", "-f", "samples/consumer/konnector-rbac.yaml"]);
    const token = await kubectl.run("consumer", tokenOf("konnector"), { hide: "(the konnector's own credential)" });
    const kubeconfig = stage.kubeconfigWith("consumer", token.trim());
    command(`node cmd/konnector.ts run --kubeconfig ${stage.write("konnector.kubeconfig", kubeconfig)}`);
    const konnector = await stage.startKonnector(kubeconfig);
    await konnector.ready();
    say(`The konnector runs (pid ${konnector.pid}) and has seen what there is on the consumer.`);
  },
};

const applyBundle: Step = {
  title: "One apply on the consumer. Each document comes before the one it needs: binding, Connection, Secret.",
  async play(stage) {
    const { kubectl } = stage;
    const token = await kubectl.run("provider", tokenOf("demo-consumer"), { hide: "(goes into the bundle's Secret)" });
    writeBundles(stage, token.trim());
    await kubectl.run("consumer", ["apply", "-f", stage.file(BUNDLE)]);
  },
};

const becomeReady: Step = {
  title: "Connection and ClusterBinding become Ready.",
  async play({ kubectl }) {
    const both = ["connection/demo-provider", "clusterbinding/widgets"];
    await kubectl.run("consumer", ["wait", "--for=condition=Ready", ...both, TIMEOUT]);
    await kubectl.run("consumer", ["get", "kube-bind"]);
  },
};

const showDefinition: Step = {
  title: "The provider's CRD is on the consumer.",
  async play({ kubectl }) {
    await kubectl.run("consumer", ["get", "crd", "-l", MANAGED]);
  },
};

const sync: Step = {
  title: "A Widget created on the consumer appears on the provider, with its spec.",
  async play({ kubectl }) {
    await kubectl.run("consumer", ["apply", "-f", "samples/consumer/widget.yaml"]);
    await kubectl.run("provider", ["wait", "--for=create", "widget/my-widget", TIMEOUT]);
    const copies = await kubectl.run("provider", ["get", "widgets"]);
    if (!/my-widget +large/.test(copies)) throw new Error("the copy has not the spec of the Widget");
  },
};

const merge = (body: object) => ["--type=merge", "-p", JSON.stringify(body)];

const mirror: Step = {
  title: "The provider's status comes back. (Its controller would write it; here kubectl does.)",
  async play({ kubectl }) {
    const status = merge({ status: { phase: "Running" } });
    await kubectl.run("provider", ["patch", "widget", "my-widget", "--subresource=status", ...status]);
    await kubectl.run("consumer", ["wait", "--for=jsonpath={.status.phase}=Running", "widget/my-widget", TIMEOUT]);
    await kubectl.run("consumer", ["get", "widgets"]);
  },
};

const edit: Step = {
  title: "An edit of the spec on the consumer travels to the provider.",
  async play({ kubectl }) {
    await kubectl.run("consumer", ["patch", "widget", "my-widget", ...merge({ spec: { size: "small" } })]);
    await kubectl.run("provider", ["wait", "--for=jsonpath={.spec.size}=small", "widget/my-widget", TIMEOUT]);
    await kubectl.run("provider", ["get", "widgets"]);
  },
};

const deletion = (stage: Stage): string[] => [
  ...["delete", "-f", stage.file(REVERSED), "-f", "samples/consumer/widget.yaml"],
  "--ignore-not-found", // of a Widget that has gone with its CRD
  "--timeout=30s",
];

const unbind: Step = {
  title: "Everything is deleted, again in an awkward order: first the Secret with the credential, last the Widget.",
  async play(stage) {
    await stage.kubectl.run("consumer", deletion(stage));
    await stage.kubectl.run("consumer", ["wait", "--for=delete", "crd/widgets.example.org", TIMEOUT]);
  },
};

const leaveNothing: Step = {
  title: "Nothing is left on either side.",
  async play({ kubectl }) {
    await kubectl.findsNothing("consumer", ["get", "kube-bind,secrets", "-A"]);
    await kubectl.findsNothing("consumer", ["get", "crd", "-l", MANAGED]);
    await kubectl.findsNothing("provider", ["get", "widgets", "-A"]);
    await kubectl.findsNothing("provider", ["get", "namespaces", "-l", MANAGED]);
  },
};

const stopKonnector: Step = {
  title: "The konnector stops.",
  async play({ konnector }) {
    const code = await konnector?.stop();
    if (code !== 0) throw new Error(`it ended with code ${code} on SIGTERM`);
    say("It ended with code 0 on SIGTERM.");
  },
};

/** From two bare clusters to a Widget in sync. */
export const BIND: readonly Step[] = [offer, install, applyBundle, becomeReady, showDefinition, sync, mirror, edit];

/** And back. */
export const UNBIND: readonly Step[] = [unbind, leaveNothing];

/** When nothing more is expected of the konnector. */
export const LEAVE: readonly Step[] = [stopKonnector];

/** Commands to try by hand when everything is left running. */
export const toTry = (stage: Stage): string[] => [
  "kubectl --context consumer get kube-bind",
  "kubectl --context consumer describe clusterbinding widgets",
  "kubectl --context consumer explain connection.spec.schema",
  "kubectl --context consumer edit widget my-widget",
  "kubectl --context provider get widgets -A --watch",
  "kubectl --context provider get widget my-widget -o yaml --show-managed-fields",
  'kubectl --context provider patch widget my-widget --subresource=status --type=merge -p \'{"status":{"phase":"Done"}}\'',
  `kubectl --context consumer ${deletion(stage).join(" ")}`,
  `kubectl --context consumer apply -f ${stage.file(BUNDLE)}`,
];
