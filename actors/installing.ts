// Writes and removes the consumer's definition of an API as it was decided (definitions.ts). One that was made up from what
// the provider publishes is tried first, and given an open schema where this cluster refuses it.
// Rules: docs/reference/behaviour.md, "Schema pull", "OpenAPI" and "Removing CRDs".

import type { AnyBinding } from "../crds/binding.ts";
import { type Crd, isEstablished, resourceOf } from "../crds/definition-object.ts";
import { hasFinalizer, isDeleting, type KubeObject } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import { acceptedSpec, type OwnershipDecision, ownerOf } from "../crds/ownership.ts";
import type { Reason } from "../crds/reasons.ts";
import { BINDINGS, CLUSTER_BINDINGS, CRDS } from "../crds/resources.ts";
import type { Refusal } from "../machines/syncer.ts";
import { base, crdKey, decide, type Definitions, desiredFrom, fromDecision } from "./definitions.ts";
import { listedApis } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { isPinned } from "./own-cluster.ts";
import type { Cluster } from "./ports.ts";
import { isStatus } from "./refusals.ts";
import type { Syncer } from "./syncer.ts";

export type InstallFailure = Refusal & { lasting: boolean; retryAfter?: number };

type Write = Extract<OwnershipDecision, { do: "create" | "update" }>;

function installFailure(error: unknown, what: string): InstallFailure {
  const message = `${what} on this cluster: ${error instanceof Error ? error.message : String(error)}`;
  // A right that we lack on our own cluster is no refusal of the provider's: the message says whose it is.
  const reason: Reason = isStatus(error, 422, 400) ? "SchemaRejected" : "Pending";
  const lasting = reason === "SchemaRejected";
  const retryAfter = isStatus(error, 429, 503) ? error.retryAfter : undefined;
  return { reason, message, lasting, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

const isWrite = (decision: OwnershipDecision | undefined): decision is Write =>
  decision?.do === "create" || decision?.do === "update";

const writesSpec = (decision: Write): boolean =>
  decision.do === "create" || ["schema", "drift", "takeover"].includes(decision.why);

const write = ({ consumer }: Engine, syncer: Syncer, { do: what, manifest }: Write): Promise<KubeObject> =>
  what === "create" ? consumer.create(CRDS, "", manifest) : consumer.replace(CRDS, crdKey(syncer), manifest);

/** The decision, or the one that follows once the definition has an open schema, because this cluster refuses the other. */
async function tried(engine: Engine, syncer: Syncer, decision: Write): Promise<OwnershipDecision | undefined> {
  const { desired } = syncer;
  if (!desired?.made || desired.openedFor !== "" || !writesSpec(decision)) return decision;
  try {
    const verb = decision.do === "create" ? "create" : "replace";
    await engine.consumer.dryRun(verb, CRDS, crdKey(syncer), decision.manifest);
    return decision;
  } catch (error) {
    const engagement = engine.engagements.get(syncer.connection);
    if (!isStatus(error, 422, 400) || engagement === undefined) throw error;
    const provider = await engagement.definition(syncer.api);
    syncer.desired = await desiredFrom(engine, syncer, provider, { ...desired, openedFor: error.message });
    return decide(engine, syncer);
  }
}

/** Before a definition comes to another provider: do objects of it still have copies on the one before? */
async function heldByAnother(
  { consumer }: Engine,
  { crd }: Syncer,
  decision: Write,
): Promise<InstallFailure | undefined> {
  const resource = crd === null || !isEstablished(crd) ? undefined : resourceOf(crd);
  if (decision.do !== "update" || decision.why !== "takeover" || crd === null || resource === undefined)
    return undefined;
  let held = 0;
  const trim = (object: KubeObject): KubeObject => {
    held += Number(hasFinalizer(object, FINALIZER.syncer));
    return {} as KubeObject;
  };
  await consumer.list(resource, { metadataOnly: true, trim });
  if (held === 0) return undefined;
  const message = `${held} object(s) of the definition ${crd.metadata.name} still carry the finalizer of a binding to the provider of Connection ${ownerOf(crd) ?? ""}`;
  return { reason: "OwnedByAnother", message, lasting: false };
}

/** Creates or updates the consumer's CRD as decided. Never rejects. */
export async function installCrd(
  engine: Engine,
  syncer: Syncer,
  { decision, ...definitions }: Definitions,
): Promise<Definitions | InstallFailure> {
  if (!isWrite(decision)) return definitions;
  try {
    const held = await heldByAnother(engine, syncer, decision);
    if (held) return held;
    const final = await tried(engine, syncer, decision);
    if (!isWrite(final)) return { ...base(engine, syncer), offer: definitions.offer, ...fromDecision(final) };
    syncer.crd = (await write(engine, syncer, final)) as Crd;
    // Before the watch tells: a pass in between must not take it for absent.
    engine.directory.crds.note(syncer.crd);
    if (syncer.desired) syncer.accepted = acceptedSpec(syncer.desired.pulled, syncer.crd);
    const notes = syncer.desired?.notes ?? [];
    engine.log.info({ connection: syncer.connection, crd: syncer.api, step: final.do, notes }, "installed the CRD");
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
    const pin = engine.directory.connection(syncer.connection)?.status?.localClusterUID ?? "";
    if (!(await isPinned(engine.consumer, pin))) {
      return { reason: "Pending", message: `this cluster is not ${pin}, the one it was installed on`, lasting: false };
    }
    const answer = await engine.consumer.delete(CRDS, crdKey(syncer), syncer.crd.metadata.uid);
    syncer.crd = typeof answer === "string" ? null : (answer as Crd);
    engine.log.info({ connection: syncer.connection, crd: syncer.api }, "removed the CRD");
    return { ...base(engine, syncer) };
  } catch (error) {
    return installFailure(error, `delete customresourcedefinitions ${syncer.api}`);
  }
}
