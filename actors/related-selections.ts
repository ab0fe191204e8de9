// What is asked of the side of the sources for the rules of bindings: by name where there are few names and labels do not
// matter, else by labels, so that rights for named objects are enough and nobody else's Secrets pass through this process.
// Rules: docs/reference/behaviour.md, "Related objects".

import { resourceOf, type Route } from "../crds/related.ts";
import { homeOf, type Mapper } from "../machines/rules/mapper.ts";
import type { RelatedRule } from "../machines/rules/related-rules.ts";
import type { WatchOptions } from "./ports.ts";

/** One kind of request for sources, and for which namespaces of the consumer it is made. */
export interface Ask {
  id: string;
  options: WatchOptions;
  everywhere: boolean;
  namespaces: Set<string>;
  /** In the words of the consumer; null: any. */
  names: ReadonlySet<string> | null;
  /** In those of the side that is asked, where it is asked by name. */
  there: readonly string[] | null;
}

/** More names than this are not asked for one by one. */
const MOST_NAMES = 10;

/** Stand for any namespace: a name that does not depend on which one it is is the same in both. */
const ANY = ["any", "any-other"] as const;

/** What an object of that name is called on the side of the sources, in the namespace or in whichever; undefined if that differs. */
function nameThere(mapper: Mapper, route: Route, namespace: string, name: string): string | undefined {
  if (route.direction === "FromConsumer") return name;
  const places = namespace === "" ? ANY : [namespace];
  try {
    const names = new Set(places.map((one) => mapper.toProvider(resourceOf(route), { namespace: one, name }).name));
    return names.size === 1 ? [...names][0] : undefined;
  } catch {
    return undefined;
  }
}

const byName = (there: string): Pick<Ask, "id" | "options" | "there"> => {
  const fieldSelector = `metadata.name=${there}`;
  return { id: fieldSelector, options: { fieldSelector }, there: [there] };
};

function asksFor(mapper: Mapper, route: Route, { namespace, selection: { labels, names } }: RelatedRule): Ask[] {
  const reach = () => ({ everywhere: namespace === "", namespaces: new Set(namespace === "" ? [] : [namespace]) });
  const few = labels === "" && names !== null && names.length <= MOST_NAMES ? names : [];
  const known = few.map((name) => ({ name, there: nameThere(mapper, route, namespace, name) }));
  if (known.length > 0 && known.every(({ there }) => there !== undefined)) {
    return known.map(({ name, there = "" }) => ({ ...reach(), ...byName(there), names: new Set([name]) }));
  }
  const options = labels === "" ? {} : { labelSelector: labels };
  const id = JSON.stringify([labels, names]);
  return [{ ...reach(), id, options, names: names && new Set(names), there: null }];
}

/** What is asked for these rules, each once, for all namespaces that any rule asks it for. */
export function asksOf(mapper: Mapper, route: Route, rules: readonly RelatedRule[]): Map<string, Ask> {
  const asks = new Map<string, Ask>();
  for (const ask of rules.flatMap((rule) => asksFor(mapper, route, rule))) {
    const known = asks.get(ask.id) ?? ask;
    known.everywhere ||= ask.everywhere;
    for (const namespace of ask.namespaces) known.namespaces.add(namespace);
    asks.set(ask.id, known);
  }
  return asks;
}

/** The namespaces of the provider in which what belongs to those of the consumer is. */
export function placesThere(mapper: Mapper, route: Route, namespaces: Iterable<string>): string[] {
  const shape = { mapper, resource: resourceOf(route) };
  return [...namespaces].map((one) => homeOf(shape, one)).filter((home) => home !== undefined);
}
