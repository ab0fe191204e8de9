// What the rules of bindings for related objects ask of either side, reduced to what decides which rights they need.

import { isSameRoute, ROUTES } from "../crds/related.ts";
import type { WantedRelated } from "../machines/rules/needed-rights.ts";
import type { Engine } from "./engine.ts";
import { OURSELVES } from "./keys.ts";
import { rulesOn } from "./related-ruling.ts";
import { asksOf, placesThere } from "./related-selections.ts";

/** For the rules that are followed through the Connection. `whose`: its provider's side, or OURSELVES. */
export function wantedRelated(engine: Engine, connection: string, whose: string): WantedRelated[] {
  return ROUTES.flatMap((route) => {
    const rules = rulesOn(engine, { connection, route }).filter((rule) => rule.connection === connection);
    const isHere = whose === OURSELVES;
    const written = isHere === isSameRoute(route, { ...route, direction: "FromProvider" });
    return [...asksOf(engine.settings.mapper, route, rules).values()].map((ask): WantedRelated => {
      const namespaces = isHere ? [...ask.namespaces] : placesThere(engine.settings.mapper, route, ask.namespaces);
      const { resource } = route;
      return { resource, written, namespaces: ask.everywhere ? "all" : namespaces, names: ask.there };
    });
  });
}
