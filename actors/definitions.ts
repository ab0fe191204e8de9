// The two definitions of a bound API, the provider's and the consumer's: reads whichever has changed, decides what is to
// be done about the consumer's (crds/ownership.ts); installing.ts does it. A definition is read once per change, not per
// pass.
// Rules: docs/reference/behaviour.md, "Schema pull" and "APIs".

import { type Crd, crdCondition, isEstablished } from "../crds/definition-object.ts";
import type { DiscoveredResource } from "../crds/openapi/discovered.ts";
import { openedCrd } from "../crds/openapi/synthesis.ts";
import {
  decideOwnership,
  installedHash,
  originOf,
  type OwnershipDecision,
  ownerOf,
  type Relation,
} from "../crds/ownership.ts";
import { consumerCrd } from "../crds/pull.ts";
import { CRDS } from "../crds/resources.ts";
import { freeNames, mayCollide } from "../crds/taken-names.ts";
import type { Refusal, SyncerFacts } from "../machines/syncer.ts";
import { demandOn, isDemanded } from "./demand.ts";
import { type Engine, phaseOf } from "./engine.ts";
import type { Engagement } from "./engagement.ts";
import { isHeldBy, isPeer, remoteUid } from "./governance.ts";
import { isRightMissing, isStatus } from "./refusals.ts";
import type { Offer } from "./source.ts";
import type { Desired, Syncer } from "./syncer.ts";

export interface Definitions {
  offer: SyncerFacts["offer"];
  step: SyncerFacts["crd"]["step"];
  refusal: Refusal | null;
  mine: boolean;
  ours: boolean;
  /** Hash of what is installed, "" while nothing is. */
  installedHash: string;
  /** What is waited for, if anything. */
  waiting?: string;
  /** A definition could not be read; what is known may be old. */
  failed?: string;
  /** …for want of a right, which time alone will not give. */
  denied?: true;
  /** It was the consumer's own: nothing can be decided. */
  unread?: true;
  decision?: OwnershipDecision;
}

export const crdKey = (syncer: Syncer) => ({ namespace: "", name: syncer.api });

async function readConsumer(engine: Engine, syncer: Syncer): Promise<void> {
  const seen = engine.directory.crds.get(`/${syncer.api}`);
  if (seen === undefined) {
    syncer.crd = null;
    return;
  }
  if (syncer.crd?.metadata.resourceVersion === seen.metadata.resourceVersion) return;
  try {
    syncer.crd = (await engine.consumer.get(CRDS, crdKey(syncer))) as Crd;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    syncer.crd = null;
  }
}

const storedVersions = (crd: Crd | null): string => (crd?.status?.storedVersions ?? []).join(",");

/** Why the API server does not accept the names of the installed definition, if so: another one has them by now. */
const namesRefused = (crd: Crd | null): string => {
  const names = crd === null ? undefined : crdCondition(crd, "NamesAccepted");
  return names?.status === "False" ? (names.reason ?? "") : "";
};

/** Our form of the provider's definition. Null if no version is served. */
export async function desiredFrom(
  engine: Engine,
  syncer: Syncer,
  read: Crd,
  told: Omit<Desired, "pulled" | "notes">,
): Promise<Desired | null> {
  const provider = told.openedFor === "" ? read : openedCrd(read);
  const { group, names } = provider.spec;
  const free = mayCollide(names) ? freeNames(group, names, await servedHere(engine)) : { names, notes: [] };
  const pulled = consumerCrd(provider, syncer.connection, syncer.crd ?? undefined, free.names);
  const open = `with a schema that accepts anything, because this cluster refuses the provider's: ${told.openedFor}`;
  return pulled === undefined ? null : { ...told, pulled, notes: [...free.notes, ...(told.openedFor ? [open] : [])] };
}

/** Reads the provider's definition unless the one at hand was built from the same state. */
async function readProvider(engine: Engine, syncer: Syncer, engagement: Engagement, offer: Offer): Promise<void> {
  const { crd, desired } = syncer;
  const { version } = offer;
  const from = [engagement.epoch, version, storedVersions(crd), namesRefused(crd)].join("/");
  if (desired?.from === from) return;
  const provider = await engagement.definition(syncer.api);
  const made = engagement.source === "OpenAPI";
  // What was refused once need not be tried again while it is the same.
  const openedFor = desired?.version === version ? desired.openedFor : "";
  syncer.desired = await desiredFrom(engine, syncer, provider, { from, version, made, openedFor });
}

/** Every resource that this cluster serves. */
async function servedHere({ consumer }: Engine): Promise<DiscoveredResource[]> {
  const [core, groups] = await Promise.all([consumer.coreResources(), consumer.discover()]);
  return [...core, ...groups.flatMap(({ resources }) => resources)];
}

/** How another Connection relates to this syncer's: do both lead to the same provider? */
function relation(engine: Engine, { connection: mine, api }: Syncer, other: string): Relation {
  if (engine.directory.connection(other) === undefined) return "gone";
  if ([mine, other].some((name) => remoteUid(engine, name) === "")) return "unknown";
  if (!isPeer(engine, mine, other)) return isHeldBy(engine, other, api) ? "different" : "left";
  return isDemanded(engine, other, api) ? "same" : "leaving";
}

/** What is to be done about the consumer's definition; undefined while that cannot be told. */
export function decide(engine: Engine, syncer: Syncer): OwnershipDecision | undefined {
  const connection = engine.directory.connection(syncer.connection);
  const offer = engine.engagements.get(syncer.connection)?.offer(syncer.api);
  if (connection === undefined || offer === undefined || syncer.desired === null) return undefined;
  return decideOwnership({
    connection: syncer.connection,
    desired: syncer.desired.pulled,
    providerVersions: offer.api.versions,
    existing: syncer.crd ?? undefined,
    pullPolicy: connection.spec.schema.pullPolicy,
    updatePolicy: connection.spec.schema.updatePolicy,
    relationTo: (other) => relation(engine, syncer, other),
    accepted: syncer.accepted,
    allowedGroups: engine.settings.groups.allowed,
  });
}

export function fromDecision(decision: OwnershipDecision | undefined): Partial<Definitions> {
  if (decision === undefined) return { step: "unknown" };
  switch (decision.do) {
    case "create":
    case "update":
      return { step: decision.do, decision };
    case "wait":
      return { step: "leave", waiting: decision.message };
    case "refuse":
      return { step: "refuse", refusal: { reason: decision.reason, message: decision.message } };
    case "leave":
      return { step: "leave" };
  }
}

const CONVERSION: Refusal = {
  reason: "ConversionWebhook",
  message: "the provider converts between its versions by a webhook, which cannot be reproduced here",
};

export function base(engine: Engine, syncer: Syncer): Definitions {
  const { crd, connection } = syncer;
  const owner = crd === null ? undefined : ownerOf(crd);
  const mine = crd !== null && owner !== undefined && isPeer(engine, connection, owner);
  return {
    offer: null,
    step: "unknown",
    refusal: null,
    mine,
    ours: mine && originOf(crd) === "ours",
    installedHash: crd === null ? "" : installedHash(crd),
  };
}

async function readOffer(engine: Engine, syncer: Syncer): Promise<Partial<Definitions>> {
  const engagement = engine.engagements.get(syncer.connection);
  if (engagement === undefined || phaseOf(engine, syncer.connection).state !== "ready") return {};
  const offer = engagement.offer(syncer.api);
  if (offer === undefined) return { offer: { exported: false, refusal: null } };
  if (offer.webhookConversion) return { offer: { exported: true, refusal: CONVERSION } };
  const exported = { offer: { exported: true, refusal: null } };
  const { live, eager } = demandOn(engine, syncer);
  if (live === 0 && !eager) return exported;
  try {
    await readProvider(engine, syncer, engagement, offer);
  } catch (error) {
    return { ...exported, ...providerFailure(engine, syncer, error) };
  }
  return { ...exported, ...fromDecision(decide(engine, syncer)) };
}

function providerFailure(engine: Engine, syncer: Syncer, error: unknown): Partial<Definitions> {
  const { api, connection } = syncer;
  const isSynthesized = engine.engagements.get(connection)?.source === "OpenAPI";
  const what = isSynthesized ? `read the definition of ${api} by OpenAPI` : `get customresourcedefinitions ${api}`;
  const message = `${what} on the provider: ${String((error as Error).message)}`;
  if (isStatus(error, 404)) return { offer: { exported: false, refusal: null } };
  if (!isRightMissing(error)) return { failed: message };
  // What is installed goes on working; it only cannot be brought up to date.
  const isInstalled = base(engine, syncer).mine && syncer.crd !== null && isEstablished(syncer.crd);
  if (isInstalled) return { step: "leave", failed: message, denied: true };
  return { step: "refuse", refusal: { reason: "Forbidden", message }, failed: message, denied: true };
}

/** Both definitions as they are now. Never rejects: what cannot be read is said in `failed`. */
export async function readDefinitions(engine: Engine, syncer: Syncer): Promise<Definitions> {
  try {
    await readConsumer(engine, syncer);
  } catch (error) {
    const failed = `get customresourcedefinitions ${syncer.api} on this cluster: ${String((error as Error).message)}`;
    return { ...base(engine, syncer), failed, unread: true, ...(isRightMissing(error) ? { denied: true } : {}) };
  }
  const offered = await readOffer(engine, syncer);
  return { ...base(engine, syncer), ...offered };
}
