// What a syncer tells of its API: a verdict for the bindings that list it, and a wake-up for those who report it. It is told
// once; what has not changed wakes nobody. Rule: docs/reference/behaviour.md, "Conditions".

import { keyOf } from "../crds/kube-object.ts";
import type { Refusal, SyncerContext } from "../machines/syncer.ts";
import type { Definitions } from "./definitions.ts";
import { answeredApis } from "./directory.ts";
import { type Engine, phaseOf } from "./engine.ts";
import { type Rest, statePath } from "./host.ts";
import { bindingKey, connectionKey } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import type { Syncer } from "./syncer.ts";

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

/** What to tell about the API, with its reason. */
function verdictOf(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>, definitions: Definitions): Refusal {
  if (rest.in("ready")) return deniedWatch(syncer) ?? { reason: "AsExpected", message: noted(syncer, "synced") };
  if (rest.in("unbound.installed")) return { reason: "AsExpected", message: noted(syncer, "installed") };
  if (rest.in("engaging.notExported")) return NOT_EXPORTED;
  if (rest.in("disengaged")) return { reason: "Pending", message: phaseOf(engine, syncer.connection).reason };
  const trouble = refusalOf(rest, definitions) ?? troubleOf(syncer, rest);
  return trouble ?? { reason: "Pending", message: waitingFor(rest, definitions) };
}

/** What is not as the provider has it must be said where people look. */
const noted = ({ desired }: Syncer, message: string): string => [message, ...(desired?.notes ?? [])].join("; ");

function refusalOf({ context }: Rest<SyncerContext>, { offer, refusal }: Definitions): Refusal | null {
  const found = offer?.refusal ?? refusal ?? context.failed;
  return found && { reason: found.reason, message: found.message };
}

/** A right that was taken away after the first list: nothing the provider does is noticed any more. */
const deniedWatch = ({ watching }: Syncer): Refusal | null =>
  watching?.trouble.provider?.reason === "Forbidden" ? watching.trouble.provider : null;

/** What keeps a list from becoming complete. */
function troubleOf({ watching }: Syncer, rest: Rest<SyncerContext>): Refusal | null {
  if (watching === null || !rest.in("engaging.listing")) return null;
  return watching.trouble.provider ?? watching.trouble.consumer;
}

const waitingFor = (rest: Rest<SyncerContext>, { failed, waiting }: Definitions): string =>
  failed ?? waiting ?? WAITING[statePath(rest.value)] ?? "in progress";

/** Everything that a binding or Connection reports of the objects. */
function counts(syncer: Syncer): unknown {
  const { watching, inFlight } = syncer;
  if (watching === null) return inFlight;
  return [inFlight, [...watching.table.namespaces()].map((namespace) => [namespace, watching.table.tally(namespace)])];
}

/** Wakes those who report on the API: its bindings and its Connection. */
export function report(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>, definitions: Definitions): void {
  const { live = 0, eager = false } = rest.context.demand ?? {};
  syncer.wanted = live > 0 || eager;
  syncer.verdict = { ...verdictOf(engine, syncer, rest, definitions), crdHash: definitions.installedHash };
  const told = JSON.stringify([syncer.verdict, statePath(rest.value), syncer.seen, counts(syncer)]);
  if (told === syncer.reported) return;
  syncer.reported = told;
  for (const binding of engine.directory.bindingsOf(syncer.connection)) {
    if (answeredApis(binding).includes(syncer.api)) {
      engine.wake(bindingKey(syncer.connection, keyOf(binding)), PRIORITY.backlog);
    }
  }
  engine.wake(connectionKey(syncer.connection), PRIORITY.backlog);
}
