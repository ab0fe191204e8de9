// Everything that concerns a konnector on both sides at one moment, as the admins see it: its own kinds, the Secrets, the
// definitions, and the instances of every API of the tests' group.

import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import type { Landscape } from "./landscape.ts";
import { apiName, GROUP, SECRET_NAMESPACE } from "./manifests.ts";
import { at, type Body } from "./objects.ts";

export interface ApiWorld {
  type: Resource;
  name: string;
  consumer: Body[];
  provider: Body[];
}

export interface World {
  /** UID of the consumer cluster. */
  clusterUid: string;
  connections: Body[];
  /** Both kinds. */
  bindings: Body[];
  secrets: Body[];
  /** Definitions of the tests' group on the consumer. */
  definitions: Body[];
  apis: ApiWorld[];
}

const typeFrom = ({ spec }: Body): Resource => ({
  group: spec.group,
  version: spec.versions[0].name,
  resource: spec.names.plural,
  kind: spec.names.kind,
  namespaced: spec.scope === "Namespaced",
});

/** With `word`, only what carries it in its name. */
export async function look({ consumer, provider }: Landscape, word = ""): Promise<World> {
  const ours = (objects: Body[]) => objects.filter(({ metadata }) => metadata.name.includes(word));
  const definitionsAt = async ({ objects }: Landscape["consumer"]) =>
    ours(await objects.list(CRDS)).filter(({ spec }) => spec.group === GROUP);
  const [system, connections, clusterBindings, bindings, secrets, here, there] = await Promise.all([
    consumer.objects.get(NAMESPACES, at("kube-system")),
    consumer.objects.list(CONNECTIONS),
    consumer.objects.list(CLUSTER_BINDINGS),
    consumer.objects.list(BINDINGS),
    consumer.objects.list(SECRETS, SECRET_NAMESPACE),
    definitionsAt(consumer),
    definitionsAt(provider),
  ]);
  const types = new Map([...there, ...here].map((crd) => [crd.metadata.name, typeFrom(crd)]));
  const apis = [...types.values()].map(async (type): Promise<ApiWorld> => {
    const [below, above] = await Promise.all([consumer.objects.list(type), provider.objects.list(type)]);
    return { type, name: apiName(type), consumer: below, provider: above };
  });
  return {
    clusterUid: system.metadata.uid,
    connections: ours(connections),
    bindings: ours([...clusterBindings, ...bindings]),
    secrets: ours(secrets),
    definitions: here,
    apis: await Promise.all(apis),
  };
}

/** The bindings that list the API and reach the instance. */
export const covering = ({ bindings }: World, api: string, instance: Body): Body[] =>
  bindings.filter(
    ({ kind, metadata, spec }) =>
      spec.apis.some((one: Body) => one.name === api) &&
      (kind === CLUSTER_BINDINGS.kind || metadata.namespace === instance.metadata.namespace),
  );
