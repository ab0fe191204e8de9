// What a syncer tells of its API: a verdict for the bindings that list it, perhaps another one for a single namespace, and a
// wake-up for those who report it. It is told once; what has not changed wakes nobody. Rule: docs/reference/behaviour.md, "Conditions".

import type { AnyBinding } from "../crds/binding.ts";
import { type ApiName, isDeleting, keyOf } from "../crds/kube-object.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import type { Refusal, SyncerContext } from "../machines/syncer.ts";
import type { Definitions } from "./definitions.ts";
import { answeredApis, listedApis } from "./directory.ts";
import { type Engine, type Phase, phaseOf } from "./engine.ts";
import type { Feeds } from "./feeds.ts";
import { type Rest, statePath } from "./host.ts";
import { bindingKey, connectionKey } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import type { Syncer, Watching } from "./syncer.ts";

const WAITING: Record<string, string> = {
  "engaging.waiting": "waiting for the Connection",
  "engaging.paused": "paused, so that its CRD is not made",
  "unbound.paused": "paused, so that its CRD is not made",
  "engaging.establishing": "the CRD is installed; waiting until this cluster serves it",
  "unbound.establishing": "the CRD is installed; waiting until this cluster serves it",
  "engaging.listing": "listing the objects on both sides",
  "cleaningUp.crdTerminating": "the CRD is being deleted on this cluster",
  "cleaningUp.deletionsOnly": "the Connection is being deleted",
};

const NOT_EXPORTED = {
  reason: "APINotExported",
  message: "the provider does not export it; its operator labels the CRD with core.kube-bind.io/exported=true",
} as const;

type Told = Refusal & { local?: boolean; undecided?: boolean };

/** What to tell about the API, with its reason. */
function verdictOf(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>, definitions: Definitions): Told {
  if (rest.in("ready")) return { ...(deniedWatch(syncer) ?? synced(syncer)), local: true };
  if (rest.in("unbound.installed")) return { reason: "AsExpected", message: noted(syncer, "installed") };
  if (rest.in("engaging.notExported")) return NOT_EXPORTED;
  if (rest.in("disengaged")) return awayIn(phaseOf(engine, syncer.connection));
  const refusal = refusalOf(rest, definitions);
  if (refusal === null && rest.in("engaging.listing")) return { ...(troubleOf(syncer) ?? LISTING), local: true };
  return (
    refusal ?? { reason: "Pending", message: waitingFor(rest, definitions), undecided: rest.in("engaging.waiting") }
  );
}

const awayIn = ({ reason, undecided }: Phase): Told => ({ reason: "Pending", message: reason, undecided });

const synced = (syncer: Syncer): Refusal => ({ reason: "AsExpected", message: noted(syncer, "synced") });

/** What is not as the provider has it must be said where people look. */
const noted = ({ desired }: Syncer, message: string): string => [message, ...(desired?.notes ?? [])].join("; ");

function refusalOf({ context }: Rest<SyncerContext>, { offer, refusal }: Definitions): Refusal | null {
  const found = offer?.refusal ?? refusal ?? context.failed;
  return found && { reason: found.reason, message: found.message };
}

/** A right that was taken away after the first list: nothing the provider does is noticed any more. */
const deniedWatch = ({ watching }: Syncer): Refusal | null => {
  const trouble = watching?.provider?.feeds.troubleOf("") ?? null;
  return trouble?.reason === "Forbidden" ? trouble : null;
};

/** What keeps lists from becoming complete, wherever that is. */
const troubleOf = ({ watching }: Syncer): Refusal | null =>
  watching?.provider?.feeds.trouble ?? watching?.consumer.trouble ?? null;

/**
 * What is to be told of the API in one namespace ("": in all of them): what is true of the API, unless the watches there have
 * something else to say. A namespace that is in trouble is no matter of the others.
 */
export function verdictIn(syncer: Syncer, namespace: string): Told {
  const { verdict, watching } = syncer;
  const { crdHash: _hash, local, ...told } = verdict;
  if (!local || watching === null) return told;
  return watchesIn(watching, namespace) ?? told;
}

/** What the watches of the namespace have to say; null: they are in order. */
function watchesIn({ shape, consumer, provider }: Watching, namespace: string): Told | null {
  const home = homeOf(shape, namespace) ?? "";
  const there = provider?.feeds ?? NO_FEEDS;
  const trouble = there.troubleOf(home);
  // A right that was taken away after the first list: nothing the provider does is noticed any more.
  if (consumer.isListed(namespace) && there.isListed(home)) return trouble?.reason === "Forbidden" ? trouble : null;
  return trouble ?? consumer.troubleOf(namespace) ?? LISTING;
}

const NO_FEEDS: Pick<Feeds, "isListed" | "troubleOf"> = { isListed: () => false, troubleOf: () => null };

const LISTING: Told = { reason: "Pending", message: WAITING["engaging.listing"] as string, undecided: true };

const waitingFor = (rest: Rest<SyncerContext>, { failed, waiting }: Definitions): string =>
  failed ?? waiting ?? WAITING[statePath(rest.value)] ?? "in progress";

/** What there is to tell: of the API as a whole, of each namespace, and of what those wait for who let go of it. */
function newsOf(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>, bindings: readonly AnyBinding[]) {
  const { watching, verdict, seen, inFlight } = syncer;
  const news = new Map<string, string>();
  const places = new Set([
    ...bindings.map((binding) => keyOf(binding).namespace),
    ...(watching?.table.namespaces() ?? []),
  ]);
  for (const place of places) {
    const tally = watching?.table.tally(place);
    news.set(place, JSON.stringify([tally, verdictIn(syncer, place)]));
  }
  news.set(EVERYBODY, JSON.stringify([verdict, statePath(rest.value)]));
  news.set(LEAVING, JSON.stringify([seen, inFlight]));
  return news;
}

/** No namespace has such a name. */
const EVERYBODY = "*";
const LEAVING = "-";

/** Does it wait for objects to let go of it? */
const isLeaving = (binding: AnyBinding, api: ApiName): boolean =>
  isDeleting(binding) || !listedApis(binding).includes(api);

/** Is what has changed any matter of the binding's? A ClusterBinding reports all namespaces. */
function concerns(binding: AnyBinding, api: ApiName, changed: ReadonlySet<string>): boolean {
  if (changed.has(EVERYBODY) || (changed.has(LEAVING) && isLeaving(binding, api))) return true;
  if (binding.kind === "Binding") return changed.has(keyOf(binding).namespace);
  return [...changed].some((place) => place !== LEAVING);
}

/** Wakes those who report on the API: its bindings and its Connection. */
export function report(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>, definitions: Definitions): void {
  const { live = 0, eager = false } = rest.context.demand ?? {};
  syncer.wanted = live > 0 || eager;
  syncer.verdict = { ...verdictOf(engine, syncer, rest, definitions), crdHash: definitions.installedHash };
  const bindings = engine.directory
    .bindingsOf(syncer.connection)
    .filter((one) => answeredApis(one).includes(syncer.api));
  const news = newsOf(engine, syncer, rest, bindings);
  const before = syncer.reported;
  const changed = new Set([...news.keys(), ...before.keys()].filter((place) => news.get(place) !== before.get(place)));
  if (changed.size === 0) return;
  syncer.reported = news;
  for (const binding of bindings) {
    if (concerns(binding, syncer.api, changed)) {
      engine.wake(bindingKey(binding.spec.connectionRef.name, keyOf(binding)), PRIORITY.backlog);
    }
  }
  engine.wake(connectionKey(syncer.connection), PRIORITY.backlog);
}
