// Related objects: the Secrets and ConfigMaps that a binding brings along. Which there are, which way they go, and the
// annotation on a binding that says of which it may have copies. Rules: docs/reference/behaviour.md, "Related objects".

import type { AnyBinding, BindingSpec } from "./binding.ts";
import type { Resource } from "./kube-object.ts";
import { ANNOTATION } from "./labels.ts";
import { CONFIGMAPS, SECRETS } from "./resources.ts";

type RuleSpec = NonNullable<BindingSpec["relatedResources"]>[number];

/** A kind of objects on one way between two clusters. */
export interface Route {
  resource: RuleSpec["resource"];
  direction: RuleSpec["direction"];
}

export const ROUTES: readonly Route[] = (["secrets", "configmaps"] as const).flatMap((resource) =>
  (["FromConsumer", "FromProvider"] as const).map((direction) => ({ resource, direction })),
);

export const resourceOf = ({ resource }: Route): Resource => (resource === "secrets" ? SECRETS : CONFIGMAPS);

/** By plural. */
export const RELATED_KINDS: ReadonlyMap<string, Resource> = new Map(
  ROUTES.map((route) => [route.resource, resourceOf(route)]),
);

/** "secrets/FromConsumer" */
export const routeText = ({ resource, direction }: Route): string => `${resource}/${direction}`;

export const parseRoute = (text: string): Route | undefined => ROUTES.find((route) => routeText(route) === text);

/** The ways on which the binding may have copies, as its annotation says: what is not written there has never been made. */
export const recordedRoutes = ({ metadata }: Pick<AnyBinding, "metadata">): Route[] => {
  const words = (metadata.annotations?.[ANNOTATION.relatedCopies] ?? "").split(",");
  return ROUTES.filter((route) => words.includes(routeText(route)));
};

/** The value of the annotation. */
export const routesText = (routes: readonly Route[]): string => [...new Set(routes.map(routeText))].sort().join(",");

/** The ways on which the binding has rules, or may have copies. */
export const routesOf = (binding: Pick<AnyBinding, "metadata" | "spec">): Route[] => {
  const listed = (binding.spec.relatedResources ?? []).map(routeText);
  const words = new Set([...listed, ...recordedRoutes(binding).map(routeText)]);
  return ROUTES.filter((route) => words.has(routeText(route)));
};

export const isSameRoute = (one: Route, other: Route): boolean => routeText(one) === routeText(other);
