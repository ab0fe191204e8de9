// The two binding kinds, ClusterBinding (all namespaces) and Binding (its own namespace): which APIs of a Connection are
// synced. They share spec and status exactly, so there is one schema.
// Rules: docs/reference/behaviour.md, "API".

import * as z from "zod";

import type { KubeObject } from "./kube-object.ts";
import { conditions, labelSelector } from "./meta.ts";

const connectionRef = z
  .object({ name: z.string().min(1).describe("Name of the Connection.") })
  .describe("The Connection whose provider offers the APIs. May be changed.");

const apiRef = z
  .object({
    name: z.string().min(1).describe("Name of the API, <plural>.<group>, as in the Connection's status.exportedAPIs."),
  })
  .describe("One API to sync.");

const relatedSelector = z
  .object({
    labelSelector: labelSelector
      .optional()
      .describe("Only objects whose labels match. If names are given too, an object must match both."),
    names: z.array(z.string().describe("Name of one object.")).optional().meta({
      description: "Only objects with one of these names.",
      "x-kubernetes-list-type": "set",
    }),
  })
  .optional()
  .describe(
    "Which objects to copy. Without a selector everything in the binding's scope is meant, apart from objects that are never copied.",
  );

const relatedResource = z
  .object({
    // Required and defaulted: an omitted group is filled in before the requirement is checked.
    group: z.string().meta({ default: "", description: "API group of the resource; empty for the core group." }),
    resource: z.enum(["secrets", "configmaps"]).describe("The resource to copy: secrets or configmaps."),
    direction: z
      .enum(["FromProvider", "FromConsumer"])
      .describe(
        "Which way the copies go. FromProvider: from the provider to this cluster. FromConsumer: from this cluster to the provider.",
      ),
    selector: relatedSelector,
  })
  .describe("One rule for objects that are copied along with the synced ones.");

const bindingSpec = z
  .object({
    connectionRef,
    apis: z
      .array(apiRef)
      .min(1)
      .describe("The APIs to sync, at least one. Each is judged on its own: a bad one does not stop the others."),
    conflictPolicy: z
      .enum(["Fail", "Adopt"])
      .default("Fail")
      .describe(
        "What to do when the provider already has an object of that name that nobody's konnector owns. Fail: leave it alone and report the conflict. Adopt: take it over; it is then overwritten, and deleted together with the object here. An object that another konnector owns is never taken over.",
      ),
    relatedResources: z.array(relatedResource).optional().meta({
      description: "Secrets and ConfigMaps to copy along with the synced objects.",
      "x-kubernetes-list-type": "atomic",
    }),
  })
  .describe("What the user wants: which APIs of which Connection are synced, and how.");

const boundApi = z
  .object({
    name: z.string().describe("Name of the API, <plural>.<group>."),
    crdHash: z
      .string()
      .optional()
      .describe("Hash of the schema installed on this cluster; empty until it is installed."),
    conflictCount: z
      .int32()
      .optional()
      .describe("How many objects are not synced because the provider has one of that name that is not ours."),
    conditions: conditions("Current state of this API; the one condition type is Ready."),
  })
  .describe("State of one API of this binding.");

const bindingStatus = z
  .object({
    boundAPIs: z.array(boundApi).optional().meta({
      description: "State of each API of this binding, sorted by name.",
      "x-kubernetes-list-type": "atomic",
    }),
    conditions: conditions(
      "Current state: Connected, Synced, Conflicts, PermissionDenied, and Ready as their summary.",
    ),
  })
  .optional()
  .describe("What the konnector found and did; written by the konnector only.");

export const binding = z.object({ spec: bindingSpec, status: bindingStatus });

export type BindingSpec = z.infer<typeof bindingSpec>;
export type BindingStatus = NonNullable<z.infer<typeof bindingStatus>>;
export type BoundApi = z.infer<typeof boundApi>;

interface BindingFields extends KubeObject {
  spec: BindingSpec;
  status?: BindingStatus;
}

/** A ClusterBinding as the API server returns it: defaults filled in. */
export interface ClusterBinding extends BindingFields {
  kind: "ClusterBinding";
}

/** A namespaced Binding as the API server returns it: defaults filled in. */
export interface Binding extends BindingFields {
  kind: "Binding";
}

export type AnyBinding = ClusterBinding | Binding;
