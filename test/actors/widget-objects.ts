// Widgets of a consumer and their copies, as watches show them, and what the tests of the actors' pure parts need to
// reduce them to facts.

import { keyOf, type KubeObject, type ObjectMeta } from "../../crds/kube-object.ts";
import { ANNOTATION, FIELD_MANAGER, LABEL } from "../../crds/labels.ts";
import type { Shape } from "../../actors/facts.ts";
import { projectionOf } from "../../actors/facts.ts";
import { identityMapper, type Mapper } from "../../machines/rules/mapper.ts";
import { travelPolicy } from "../../machines/rules/projection.ts";
import { WIDGETS } from "../adapters/widgets.ts";

export const CLUSTER = "consumer-cluster";

/** Places every namespace under a prefix on the provider, and understands no namespace without it. */
export const prefixingMapper: Mapper = {
  toProvider: (_resource, { namespace, name }) => ({ namespace: `tenant-${namespace}`, name }),
  toConsumer(_resource, { namespace, name }) {
    if (!namespace.startsWith("tenant-")) throw new Error(`not one of ours: ${namespace}`);
    return { namespace: namespace.slice("tenant-".length), name };
  },
};

export const shapeOf = (change: Partial<Shape> = {}): Shape => ({
  resource: WIDGETS,
  mapper: identityMapper,
  travel: travelPolicy(),
  clusterUid: CLUSTER,
  hasStatus: true,
  keepsConditions: true,
  ...change,
});

type Parts = Partial<ObjectMeta> & { spec?: KubeObject["spec"]; status?: KubeObject["status"] };

export const widget = ({ spec = { size: 1 }, status, ...metadata }: Parts = {}): KubeObject => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name: "a", namespace: "default", uid: "uid-a", resourceVersion: "5", generation: 1, ...metadata },
  spec,
  ...(status === undefined ? {} : { status }),
});

/** The copy that an apply of this consumer object leaves, with the managedFields that an API server keeps of it. */
export const copyOfWidget = (shape: Shape, object: KubeObject, { status, ...metadata }: Parts = {}): KubeObject => {
  const projection = projectionOf(shape, object);
  return {
    ...projection,
    metadata: {
      ...projection.metadata,
      uid: `copy-of-${object.metadata.uid}`,
      resourceVersion: "50",
      generation: 1,
      managedFields: [
        {
          manager: FIELD_MANAGER,
          operation: "Apply",
          apiVersion: object.apiVersion,
          fieldsType: "FieldsV1",
          fieldsV1: {
            "f:metadata": {
              "f:annotations": {
                [`f:${ANNOTATION.consumerClusterUid}`]: {},
                [`f:${ANNOTATION.consumerObjectUid}`]: {},
              },
              "f:labels": { [`f:${LABEL.managed}`]: {}, [`f:${LABEL.consumerClusterUid}`]: {} },
            },
            "f:spec": { "f:size": {} },
          },
        },
      ],
      ...metadata,
    },
    ...(status === undefined ? {} : { status }),
  };
};

export const idOf = (object: KubeObject): string => {
  const { namespace, name } = keyOf(object);
  return `${namespace}/${name}`;
};
