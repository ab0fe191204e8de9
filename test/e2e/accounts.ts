// ServiceAccounts of the provider with the konnector's rights there, and kubeconfigs with their tokens: bound tokens as a
// provider hands them out, each bound to a Secret (its anchor) and gone with it.

import { stringify } from "yaml";

import { SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import type { Landscape } from "./landscape.ts";
import { grantAccess, KONNECTOR_USER } from "./rights.ts";

const SERVICE_ACCOUNTS: Resource = {
  group: "",
  version: "v1",
  resource: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

export interface Account {
  namespace: string;
  name: string;
  /** The Secret that its token is bound to. */
  anchor: string;
  token: string;
}

/** In the namespace of that name, which exists. */
export async function createAccount({ provider }: Landscape, namespace: string): Promise<Account> {
  const name = `${KONNECTOR_USER}-${namespace}`;
  const anchor = `${name}-anchor`;
  const { objects, plane } = provider;
  await objects.create(SERVICE_ACCOUNTS, { metadata: { name, namespace } });
  const { metadata } = await objects.create(SECRETS, { metadata: { name: anchor, namespace } });
  const boundObjectRef = { apiVersion: "v1", kind: "Secret", name: anchor, uid: metadata.uid };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const spec = { audiences: [], expirationSeconds: 3600, boundObjectRef };
  const answer = await plane.admin.request("POST", path, { spec });
  if (answer.status >= 300) throw new Error(`POST ${path} answered ${answer.status}: ${answer.text}`);
  await grantAccess(plane, `${name}-account`, undefined, { kind: "ServiceAccount", namespace, name });
  return { namespace, name, anchor, token: answer.body.status.token };
}

/** With the account's token, or with that text in the place of one. */
export function tokenKubeconfig(
  { provider }: Landscape,
  account: Account | string,
  server: string,
  authority = provider.plane.ca,
): string {
  const token = typeof account === "string" ? account : account.token;
  const entry = { name: "provider" };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { ...entry, cluster: { server, "certificate-authority-data": Buffer.from(authority).toString("base64") } },
    ],
    users: [{ ...entry, user: { token } }],
    contexts: [{ ...entry, context: { cluster: "provider", user: "provider" } }],
    "current-context": "provider",
  });
}
