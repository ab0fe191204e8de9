// The names of a definition, from what discovery tells: only those that an API server will take.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { CrdSpec } from "../definition-object.ts";
import { listKindOf } from "./document.ts";
import type { DiscoveredResource } from "./discovered.ts";

const LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const MAX_LABEL = 63;
const MAX_NAME = 253;

const isLabel = (name: string): boolean => name.length <= MAX_LABEL && LABEL.test(name);

/** A domain with at least one dot: others are for what is built in. */
const isDomain = (group: string): boolean =>
  group.length <= MAX_NAME &&
  group.includes(".") &&
  group.split(".").every((part) => part.length <= MAX_LABEL && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(part));

/** Whether an API server takes a definition of that name, kind and version at all. */
export const isNameable = ({ group, version, resource, kind }: DiscoveredResource): boolean =>
  isDomain(group) && isLabel(version) && isLabel(resource) && isLabel(kind.toLowerCase());

const labels = (names: readonly string[]): string[] => [...new Set(names)].filter(isLabel);

const listKind = (resource: DiscoveredResource, document: unknown): string => {
  const told = listKindOf(resource, document);
  const isUsable = told !== undefined && told !== resource.kind && isLabel(told.toLowerCase());
  return isUsable ? told : `${resource.kind}List`;
};

export const namesOf = (resource: DiscoveredResource, document: unknown): CrdSpec["names"] => {
  const shortNames = labels(resource.shortNames);
  const categories = labels(resource.categories);
  return {
    plural: resource.resource,
    singular: isLabel(resource.singular) ? resource.singular : resource.kind.toLowerCase(),
    kind: resource.kind,
    listKind: listKind(resource, document),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
};
