// Kubeconfigs that must not or cannot be used, each made from a good one, and what the Connection has to say of them.
// Whatever is secret in them is a canary: it may turn up nowhere.

import { parse, stringify } from "yaml";

import type { Expected } from "./conditions.ts";
import type { Body } from "./objects.ts";

/** Not a real token: a word to look for in whatever the konnector writes. */
export const CANARY = "canary-7f3c9e-token";

interface Badness {
  title: string;
  word: string;
  /** Data of the Secret, as text. */
  data: (good: string) => Record<string, string>;
  says: Record<string, Expected>;
  /** What is said where a good one was in use before: that one goes on, since this one may come to work. */
  instead?: Record<string, Expected>;
}

/** The kubeconfig with its only user and its only cluster changed. */
const altered = (good: string, change: (user: Body, cluster: Body) => void): string => {
  const config = parse(good);
  change(config.users[0].user, config.clusters[0].cluster);
  return stringify(config);
};

/** The kubeconfig with another user in the place of its own. */
const withUser = (good: string, user: Body): string =>
  altered(good, (old) => {
    for (const field of Object.keys(old)) delete old[field];
    Object.assign(old, user);
  });

/** What of a kubeconfig may appear nowhere: its key and token, encoded and decoded, in pieces that a log could break at. */
export function secretsOf(kubeconfig: string): string[] {
  const { users } = parse(kubeconfig);
  return users.flatMap(({ user }: Body) => {
    const encoded: string = user["client-key-data"] ?? "";
    const lines = Buffer.from(encoded, "base64").toString("utf8").split("\n");
    const body = lines.filter((line) => line.length > 20 && !line.startsWith("-----"));
    return [encoded.slice(60, 120), ...body, user.token ?? ""].filter((text) => text !== "");
  });
}

const unusable = (reason: string, message: RegExp): Record<string, Expected> => ({
  SecretValid: { status: "False", reason, message },
  Ready: { status: "False", reason, message },
  Connected: { status: "False", reason: "SecretNotFound" },
  PermissionDenied: { status: "Unknown", reason: "Pending" },
});

const refused = (reason: string, message: RegExp): Record<string, Expected> => ({
  SecretValid: { status: "True", reason: "AsExpected" },
  Connected: { status: "False", reason, message },
  Ready: { status: "False", reason, message },
});

const kubeconfig = (text: string) => ({ kubeconfig: text });

export const BAD_KUBECONFIGS: Badness[] = [
  {
    title: "is under another key",
    word: "otherkey",
    data: (good) => ({ config: good }),
    says: unusable("SecretNotFound", /kube-bind\/otherkey.* key kubeconfig/),
  },
  {
    title: "is empty",
    word: "hollow",
    data: () => kubeconfig(""),
    says: unusable("SecretNotFound", /kube-bind\/hollow.* key kubeconfig is empty/),
  },
  {
    title: "is not YAML",
    word: "garbled",
    data: () => kubeconfig(`{ ${CANARY}: [ not: yaml`),
    says: unusable("SecretNotFound", /kube-bind\/garbled.* not valid YAML/),
  },
  {
    title: "would run a program",
    word: "runner",
    data: (good) => {
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "sh", args: ["-c", `echo ${CANARY}`] };
      return kubeconfig(withUser(good, { exec }));
    },
    says: unusable("ForbiddenField", /users\[0\]\.user\.exec/),
  },
  {
    title: "would read a file of the konnector's",
    word: "reader",
    data: (good) => kubeconfig(withUser(good, { tokenFile: "/etc/hostname" })),
    says: unusable("ForbiddenField", /users\[0\]\.user\.tokenFile/),
  },
  {
    title: "holds a credential that the provider does not know",
    word: "stranger",
    data: (good) => kubeconfig(withUser(good, { token: CANARY })),
    says: refused("Unauthorized", /401|[Uu]nauthorized/),
  },
  {
    title: "trusts another authority than the provider's",
    word: "distrust",
    data: (good) =>
      kubeconfig(altered(good, (_user, cluster) => (cluster["tls-server-name"] = "elsewhere.example.org"))),
    says: refused("Pending", /certificate|altnames/i),
    instead: {
      SecretValid: { status: "True", reason: "AsExpected" },
      Connected: { status: "True", reason: "AsExpected", message: /previous kubeconfig.*certificate|altnames/i },
      Ready: { status: "True", reason: "AsExpected", message: /previous kubeconfig.*certificate|altnames/i },
    },
  },
];
