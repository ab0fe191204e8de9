// The two definitions of a bound API, the provider's and the consumer's: reads whichever has changed, decides what is to
// be done about the consumer's (crds/ownership.ts), and does it. A definition is read once per change, not per pass.
// Rules: docs/reference/behaviour.md, "Schema pull" and "APIs".

import { type Crd, isEstablished } from "../crds/definition-object.ts";
import {
  acceptedSpec,
  decideOwnership,
  installedHash,
  originOf,
  type OwnershipDecision,
  ownerOf,
  type Relation,
} from "../crds/ownership.ts";
import { consumerCrd } from "../crds/pull.ts";
import type { Reason } from "../crds/reasons.ts";
import { isDeleting } from "../crds/kube-object.ts";
import type { AnyBinding } from "../crds/binding.ts";
import { BINDINGS, CLUSTER_BINDINGS, CRDS } from "../crds/resources.ts";
import type { Refusal, SyncerFacts } from "../machines/syncer.ts";
import { demandOn, isDemanded } from "./demand.ts";
import { listedApis } from "./directory.ts";
import { type Engine, phaseOf } from "./engine.ts";
import type { Engagement } from "./engagement.ts";
import { isPeer } from "./governance.ts";
import type { Cluster } from "./ports.ts";
import { isRightMissing, isStatus } from "./refusals.ts";
import type { Offer } from "./source.ts";
import type { Syncer } from "./syncer.ts";

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

export type InstallFailure = Refusal & { lasting: boolean; retryAfter?: number };

const keyOf = (syncer: Syncer) => ({ namespace: "", name: syncer.api });

async function readConsumer(engine: Engine, syncer: Syncer): Promise<void> {
  const seen = engine.directory.crds.get(`/${syncer.api}`);
  if (seen === undefined) {
    syncer.crd = null;
    return;
  }
  if (syncer.crd?.metadata.resourceVersion === seen.metadata.resourceVersion) return;
  try {
    syncer.crd = (await engine.consumer.get(CRDS, keyOf(syncer))) as Crd;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    syncer.crd = null;
  }
}

const storedVersions = (crd: Crd | null): string => (crd?.status?.storedVersions ?? []).join(",");

/** Reads the provider's definition unless the one at hand was built from the same state. */
async function readProvider(syncer: Syncer, engagement: Engagement, offer: Offer): Promise<void> {
  const from = `${engagement.epoch}/${offer.version}/${storedVersions(syncer.crd)}`;
  if (syncer.desired?.from === from) return;
  const provider = await engagement.definition(syncer.api);
  const pulled = consumerCrd(provider, syncer.connection, syncer.crd ?? undefined);
  syncer.desired = pulled === undefined ? null : { from, pulled };
}

/** How another Connection relates to this syncer's: do both lead to the same provider? */
function relation(engine: Engine, { connection: mine, api }: Syncer, other: string): Relation {
  const theirs = engine.directory.connection(other);
  if (theirs === undefined) return "gone";
  const [a, b] = [theirs, engine.directory.connection(mine)].map((one) => one?.status?.remoteClusterUID ?? "");
  if (a === "" || b === "") return "unknown";
  if (a !== b) return "different";
  return isDemanded(engine, other, api) ? "same" : "leaving";
}

function decide(engine: Engine, syncer: Syncer, offer: Offer): OwnershipDecision | undefined {
  const connection = engine.directory.connection(syncer.connection);
  if (connection === undefined || syncer.desired === null) return undefined;
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

function fromDecision(syncer: Syncer, decision: OwnershipDecision | undefined): Partial<Definitions> {
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

function base(engine: Engine, syncer: Syncer): Definitions {
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
    await readProvider(syncer, engagement, offer);
  } catch (error) {
    return { ...exported, ...providerFailure(engine, syncer, error) };
  }
  return { ...exported, ...fromDecision(syncer, decide(engine, syncer, offer)) };
}

function providerFailure(engine: Engine, syncer: Syncer, error: unknown): Partial<Definitions> {
  const message = `get customresourcedefinitions ${syncer.api} on the provider: ${String((error as Error).message)}`;
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

function installFailure(error: unknown, what: string): InstallFailure {
  const message = `${what} on this cluster: ${error instanceof Error ? error.message : String(error)}`;
  // A right that we lack on our own cluster is no refusal of the provider's: the message says whose it is.
  const reason: Reason = isStatus(error, 422, 400) ? "SchemaRejected" : "Pending";
  const lasting = reason === "SchemaRejected";
  const retryAfter = isStatus(error, 429, 503) ? error.retryAfter : undefined;
  return { reason, message, lasting, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** Creates or updates the consumer's CRD as decided. Never rejects. */
export async function installCrd(
  engine: Engine,
  syncer: Syncer,
  { decision, ...definitions }: Definitions,
): Promise<Definitions | InstallFailure> {
  if (decision?.do !== "create" && decision?.do !== "update") return definitions;
  try {
    const answer =
      decision.do === "create"
        ? await engine.consumer.create(CRDS, "", decision.manifest)
        : await engine.consumer.replace(CRDS, keyOf(syncer), decision.manifest);
    syncer.crd = answer as Crd;
    // Before the watch tells: a pass in between must not take it for absent.
    engine.directory.crds.note(answer);
    if (syncer.desired) syncer.accepted = acceptedSpec(syncer.desired.pulled, syncer.crd);
    engine.log.info({ connection: syncer.connection, crd: syncer.api, step: decision.do }, "installed the CRD");
    return { ...base(engine, syncer), offer: definitions.offer, step: "leave" };
  } catch (error) {
    return installFailure(error, `${decision.do} customresourcedefinitions ${syncer.api}`);
  }
}

/** Does any binding, on any Connection, list the API, as the API server sees it now? */
async function isListed(consumer: Cluster, api: string): Promise<boolean> {
  const [everywhere, here] = await Promise.all([consumer.list(CLUSTER_BINDINGS), consumer.list(BINDINGS)]);
  return ([...everywhere, ...here] as AnyBinding[]).some(
    (binding) => !isDeleting(binding) && listedApis(binding).includes(api),
  );
}

/** Deletes the consumer's CRD, by uid, and with it what instances remain. Never rejects. */
export async function removeCrd(engine: Engine, syncer: Syncer): Promise<Definitions | InstallFailure> {
  if (syncer.crd === null) return base(engine, syncer);
  try {
    // Objects go with it, so this is not decided on what two watches happen to have told so far.
    if (await isListed(engine.consumer, syncer.api)) {
      return { reason: "Pending", message: `a binding lists ${syncer.api}`, lasting: false };
    }
    const answer = await engine.consumer.delete(CRDS, keyOf(syncer), syncer.crd.metadata.uid);
    syncer.crd = answer === "gone" ? null : (answer as Crd);
    engine.log.info({ connection: syncer.connection, crd: syncer.api }, "removed the CRD");
    return { ...base(engine, syncer) };
  } catch (error) {
    return installFailure(error, `delete customresourcedefinitions ${syncer.api}`);
  }
}
