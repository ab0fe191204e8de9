// What the bindings as they are now mean for each related object: which rule's binding its copy is for, whether it has to go,
// and whose a copy is that is there. Decides from what is known, and takes nothing for absent that complete lists do not tell.
// Rules: docs/reference/behaviour.md, "Related objects".

import type { AnyBinding } from "../crds/binding.ts";
import { hasFinalizer, isDeleting, keyOf, parseKey } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import { isSameRoute, recordedRoutes, type Route, routeText } from "../crds/related.ts";
import type { RelatedGate } from "../machines/related-facts.ts";
import type { Ownership } from "../machines/rules/ownership.ts";
import type { RelatedMarkers } from "../machines/rules/related-projection.ts";
import { meaning, type RelatedRule, ruleOf, ruleText, sortRules } from "../machines/rules/related-rules.ts";
import { courseOf, isMoving } from "./course.ts";
import { connectionPause, pauseOf } from "./directory.ts";
import { type Engine, phaseOf } from "./engine.ts";
import { isPeer } from "./governance.ts";
import { relatedSyncerKey } from "./keys.ts";
import { recall } from "./recall.ts";
import {
  createRelatedSyncer,
  type RelatedSyncer,
  type RelatedWatching,
  type SelectionWatch,
} from "./related-syncer.ts";

export function relatedSyncerFor(engine: Engine, connection: string, route: Route): RelatedSyncer {
  const key = relatedSyncerKey(connection, route);
  const syncer = engine.related.get(key) ?? createRelatedSyncer(connection, route);
  engine.related.set(key, syncer);
  return syncer;
}

/** A binding on whose behalf there may be copies. */
export interface Owner {
  through: string;
  /** It goes, or leaves for another provider. */
  isGoing: boolean;
  /** It is not known yet where it goes. */
  isWaiting: boolean;
  paused: string;
  routes: readonly Route[];
  /** Of its rules that are not followed as they are written: what was made for them before is not taken away for that. */
  unfollowed: readonly Route[];
}

/** By UID. */
export const ownersOf = ({ directory, settings }: Engine): ReadonlyMap<string, Owner> =>
  recall(directory, "owners of related copies", () => {
    const owner = (binding: AnyBinding): Owner => {
      const course = courseOf(directory, binding);
      return {
        through: course.through,
        isGoing: isDeleting(binding) || course.stage === "draining",
        isWaiting: course.stage === "waiting" && !isDeleting(binding),
        paused: pauseOf(directory, binding),
        routes: recordedRoutes(binding),
        unfollowed: sortRules(binding, settings.related).unfollowed.map(({ rule }) => rule),
      };
    };
    return new Map(directory.allBindings().map((binding) => [binding.metadata.uid, owner(binding)]));
  });

/** The rules of a binding that can be followed; nothing is done for those of one that is yet to come, and nothing against it. */
function rulesOfBinding({ directory, settings }: Engine, binding: AnyBinding): RelatedRule[] {
  const { metadata, spec } = binding;
  const common = {
    uid: metadata.uid,
    connection: courseOf(directory, binding).through,
    namespace: keyOf(binding).namespace,
    adopt: spec.conflictPolicy === "Adopt",
    paused: pauseOf(directory, binding),
  };
  const isHeld = hasFinalizer(binding, FINALIZER.cleanup) && !isMoving(courseOf(directory, binding));
  const recorded = new Set(isHeld ? recordedRoutes(binding).map(routeText) : []);
  const { followed } = sortRules(binding, settings.related);
  return followed.map((one) => ruleOf(one, { ...common, recorded: recorded.has(routeText(one)) }));
}

/** It is to stay where it is, or may be. */
const isStaying = ({ directory }: Engine, binding: AnyBinding): boolean =>
  !isDeleting(binding) && courseOf(directory, binding).stage !== "draining";

const precedence = ({ metadata: a }: AnyBinding, { metadata: b }: AnyBinding): number => {
  const [one, other] = [a, b].map(({ creationTimestamp = "", namespace = "", name }) =>
    [creationTimestamp, namespace, name].join(" "),
  );
  return (one ?? "") < (other ?? "") ? -1 : 1;
};

/** On a route of any Connection: the oldest first. */
const rulesAnywhere = (engine: Engine, route: Route): readonly RelatedRule[] =>
  recall(engine.directory, `related rules for ${routeText(route)}`, () =>
    engine.directory
      .allBindings()
      .filter((binding) => isStaying(engine, binding))
      .sort(precedence)
      .flatMap((binding) => rulesOfBinding(engine, binding))
      .filter((rule) => isSameRoute(rule, route)),
  );

type OnRoute = Pick<RelatedSyncer, "connection" | "route">;

/** Those on a route to the provider of that Connection, through whichever Connection: the oldest first. */
export const rulesOn = (engine: Engine, { connection, route }: OnRoute): readonly RelatedRule[] =>
  recall(engine.directory, `related rules for ${connection} ${routeText(route)}`, () =>
    rulesAnywhere(engine, route).filter((rule) => isPeer(engine, connection, rule.connection)),
  );

/** All that the bindings say of a route, for comparison. */
export const bindingsText = (engine: Engine, syncer: OnRoute): string =>
  recall(engine.directory, `text of related rules for ${syncer.connection} ${routeText(syncer.route)}`, () =>
    JSON.stringify([rulesOn(engine, syncer).map(ruleText), [...ownersOf(engine)]]),
  );

/** May the rule mean an object of that key, whatever its labels? */
const mayMean = ({ namespace, selection: { names } }: RelatedRule, key: string): boolean => {
  const object = parseKey(key);
  return ["", object.namespace].includes(namespace) && (names === null || names.includes(object.name));
};

/** Both of two objects of one name, each a source of the other, would be taken over and then go. */
const isBothWays = (engine: Engine, { resource, direction }: Route, key: string): boolean => {
  const opposite = direction === "FromProvider" ? "FromConsumer" : "FromProvider";
  return rulesAnywhere(engine, { resource, direction: opposite }).some((rule) => mayMean(rule, key));
};

/** Does a binding of a Connection to another provider mean what may be on this cluster under that key? */
const isWantedFromElsewhere = (engine: Engine, { connection, route }: OnRoute, key: string): boolean =>
  route.direction === "FromProvider" &&
  rulesAnywhere(engine, route).some((rule) => !isPeer(engine, connection, rule.connection) && mayMean(rule, key));

/** Is all known that any rule could mean in the namespace? Only then is anything taken for absent. */
function isSourceKnown({ selections, sourceKey }: RelatedWatching, key: string): boolean {
  const { namespace, name } = parseKey(key);
  const home = namespaceOf(sourceKey(key));
  const isConcerned = ({ everywhere, namespaces, names }: SelectionWatch): boolean =>
    (everywhere || namespaces.has(namespace)) && (names === null || names.has(name));
  return [...selections.values()]
    .filter(isConcerned)
    .every(({ feeds }) => feeds.isListed(home) && feeds.troubleOf(home) === null);
}

const namespaceOf = (key: string): string => parseKey(key).namespace;

type Ruled = Pick<RelatedGate, "mode" | "binding" | "adopt" | "paused">;

const HELD: Ruled = { mode: "held", binding: "", adopt: false, paused: "" };

/** Is it certain that no rule means the object any more? What is drained alone needs no list. */
function isUnmeant(engine: Engine, syncer: RelatedSyncer, key: string, owner: Owner | undefined): boolean {
  const { watching } = syncer;
  if (watching === null) return false;
  if (owner?.isGoing && rulesOn(engine, syncer).length === 0) return true;
  const isAsked = syncer.route.direction === "FromConsumer" || watching.epoch > 0;
  return isAsked && isSourceKnown(watching, key);
}

/** What becomes of a copy that no rule means. */
function ruleForCopy(engine: Engine, syncer: RelatedSyncer, key: string, { binding }: RelatedMarkers): Ruled {
  const owner = ownersOf(engine).get(binding);
  const isOthers = owner ? owner.through !== syncer.connection : isWantedFromElsewhere(engine, syncer, key);
  if (isOthers) return { ...HELD, mode: "elsewhere" };
  const paused = owner?.paused ?? connectionPause(engine.directory, syncer.connection);
  const isSure = !isKept(syncer, owner) && isUnmeant(engine, syncer, key, owner);
  return { mode: isSure ? "remove" : "held", binding, adopt: false, paused };
}

/** Its binding may yet mean it: where it goes is not known, or what it wants cannot be understood. */
const isKept = ({ route }: RelatedSyncer, owner: Owner | undefined): boolean =>
  owner !== undefined && !owner.isGoing && (owner.isWaiting || owner.unfollowed.some((one) => isSameRoute(one, route)));

/** One that is yet to come holds nobody up. */
const firstOf = (meant: readonly RelatedRule[]): RelatedRule | undefined =>
  meant.find(({ recorded }) => recorded) ?? meant[0];

function ruleFor(engine: Engine, syncer: RelatedSyncer, key: string): Ruled {
  const entry = syncer.watching?.table.get(key);
  if (entry === undefined) return HELD;
  const { source, copy, labels } = entry;
  const first = source === null ? undefined : firstOf(meaning(rulesOn(engine, syncer), parseKey(key), labels));
  if (first === undefined) return copy === null ? HELD : ruleForCopy(engine, syncer, key, copy);
  if (first.connection !== syncer.connection) return { ...HELD, mode: "elsewhere" };
  const { uid: binding, paused } = first;
  const isAble = first.recorded && phaseOf(engine, syncer.connection).state === "ready";
  const adopt = first.adopt && !isBothWays(engine, syncer.route, key);
  return { mode: isAble ? "carry" : "held", binding, adopt, paused };
}

/** What is allowed for one object at this moment. */
export function relatedGate(engine: Engine, syncer: RelatedSyncer, key: string): RelatedGate {
  const { watching } = syncer;
  const open = watching !== null && watching.copies.isListed(namespaceOf(watching.copyKey(key)));
  return { ...ruleFor(engine, syncer, key), open, clusterUid: watching?.clusterUid ?? "" };
}

/**
 * Whose is a copy with these marks? What stands for a binding that is no more, or that goes through this Connection or another
 * to the same provider, is ours to keep or to take over; the first binding whose rule means the source stands on it then.
 */
export function whoseCopy(engine: Engine, syncer: RelatedSyncer, { clusterUid, binding }: RelatedMarkers): Ownership {
  if (clusterUid === "" && binding === "") return "foreign";
  if (clusterUid !== syncer.watching?.clusterUid || binding === "") return "another";
  const owner = ownersOf(engine).get(binding);
  return owner === undefined || isPeer(engine, syncer.connection, owner.through) ? "ours" : "another";
}
