// Short names and categories of a definition that would collide on the cluster it is to be installed on: an API server never
// serves a definition whose short name another one of its group has, and across groups a short name means whichever comes
// first. They are left out, which costs nothing but a word on a command line. Pure.
// Rule: docs/reference/behaviour.md, "Schema pull".

import type { CrdSpec } from "./definition-object.ts";
import { stringsIn } from "./json.ts";
import type { DiscoveredResource } from "./openapi/discovered.ts";

type Names = CrdSpec["names"];

/** Our own: `kubectl get kube-bind` shows Connections and bindings, and no instances. */
const OUR_CATEGORY = "kube-bind";

const answersTo = ({ resource, singular, kind, shortNames }: DiscoveredResource): string[] => [
  resource,
  singular || kind.toLowerCase(),
  ...shortNames,
];

/** Has it anything that may collide? Only then it is worth asking what the cluster serves. */
export const mayCollide = (names: Names): boolean =>
  stringsIn(names["shortNames"]).length > 0 || stringsIn(names["categories"]).includes(OUR_CATEGORY);

/** The names to install, and what was left out of them, each as half a sentence. */
export function freeNames(
  group: string,
  names: Names,
  served: readonly DiscoveredResource[],
): { names: Names; notes: string[] } {
  const others = served.filter((other) => other.group !== group || other.resource !== names.plural);
  const holderOf = (name: string) => others.find((other) => answersTo(other).includes(name));
  const wanted = stringsIn(names["shortNames"]);
  const notes = wanted.flatMap((name) => {
    const holder = holderOf(name);
    if (holder === undefined) return [];
    const who = holder.group === "" ? holder.resource : `${holder.resource}.${holder.group}`;
    return [`without the short name ${name}, which ${who} has on this cluster`];
  });
  const shortNames = wanted.filter((name) => holderOf(name) === undefined);
  const categories = stringsIn(names["categories"]).filter((category) => category !== OUR_CATEGORY);
  const { shortNames: _shortNames, categories: _categories, ...kept } = names;
  return {
    names: {
      ...kept,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    },
    notes,
  };
}
