// What tests of related objects share: a landscape with the rights for them, the objects, and namespaces with a Binding each.

import type { Key, Resource } from "../../crds/kube-object.ts";
import { BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { conditions, object, READY } from "./conditions.ts";
import { type Landscape, type LandscapeOptions, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { typeOf, WIDGETS } from "./manifests.ts";
import { at, type Body, type Objects } from "./objects.ts";
import { grant, KONNECTOR_USER, RELATED_CONSUMER_RIGHTS, RELATED_PROVIDER_RIGHTS } from "./rights.ts";
import { makeRoom } from "./rooms.ts";

const CONNECTION = "related";

/** For ClusterBindings, which would govern the Bindings of other tests, too. */
export const [GADGETS, GIZMOS] = [typeOf("gadget"), typeOf("gizmo")];

/** With the Connection, Ready, and the rights of the samples for related objects. */
export async function startRelated(options: LandscapeOptions = {}): Promise<Landscape> {
  const land = await startLandscape(options);
  const { objects } = land.consumer;
  await grant(land.provider.plane, KONNECTOR_USER, RELATED_PROVIDER_RIGHTS, "", "related");
  await grant(land.consumer.plane, KONNECTOR_USER, RELATED_CONSUMER_RIGHTS, "", "related");
  await Promise.all([WIDGETS, GADGETS, GIZMOS].map((type) => offer(land, type)));
  await objects.create(SECRETS, manifests.secret(CONNECTION, land.kubeconfig));
  await objects.create(CONNECTIONS, manifests.connection(CONNECTION));
  await conditions(objects, CONNECTIONS, at(CONNECTION), READY);
  return land;
}

export const base64 = (text: string): string => Buffer.from(text).toString("base64");

export const secret = (
  { namespace, name }: Key,
  fields: Body = { data: { key: base64("one") } },
  labels: Body = {},
): Body => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace, labels },
  ...fields,
});

export const configMap = (key: Key, fields: Body = { data: { key: "one" } }, labels: Body = {}): Body => ({
  ...secret(key, fields, labels),
  kind: "ConfigMap",
});

/** What a Secret has after an edit. */
export const two = { data: { key: base64("two") } };

/** A namespace with a Binding of that name and these rules, Ready. */
export async function bound(land: Landscape, word: string, ...rules: Body[]): Promise<Body> {
  const { objects } = land.consumer;
  await makeRoom(land, word);
  const options = { connection: CONNECTION, relatedResources: rules };
  await objects.create(BINDINGS, manifests.binding(word, word, [WIDGETS], options));
  await served(land.consumer, WIDGETS);
  return conditions(objects, BINDINGS, at(word, word), READY);
}

export const copyOf = (
  objects: () => Objects,
  resource: Resource,
  key: Key,
  holds?: (copy: Body) => unknown,
): Promise<Body> => object(objects(), resource, key, "to be copied", holds);
