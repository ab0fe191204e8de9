// Takes a key from the queue and runs that actor's pass. A pass that throws is a bug or a Mapper's exception: it is
// logged, tried again later, and costs no other actor anything.

import { bindingPass } from "./binding-actor.ts";
import { connectionPass } from "./connection-actor.ts";
import type { Engine } from "./engine.ts";
import { type Address, parseAddress, syncerKey } from "./keys.ts";
import { leasePass } from "./lease-actor.ts";
import { objectPass } from "./object-actor.ts";
import { permissionsPass } from "./permissions.ts";
import { relatedPass } from "./related-actor.ts";
import { relatedSyncerFor } from "./related-ruling.ts";
import { relatedSyncerPass } from "./related-syncer-actor.ts";
import { syncerFor } from "./demand.ts";
import { secretsPass } from "./secrets-actor.ts";
import { syncerPass } from "./syncer-actor.ts";

/** Milliseconds until a pass that threw is run again. */
const AFTER_BUG = 10_000;

type RelatedAddress = Extract<Address, { kind: "related" | "relatedSyncer" }>;

function runRelated(engine: Engine, address: RelatedAddress): Promise<void> {
  const syncer = relatedSyncerFor(engine, address.connection, address.route);
  return address.kind === "related" ? relatedPass(engine, syncer, address.key) : relatedSyncerPass(engine, syncer);
}

function run(engine: Engine, address: Address): Promise<void> {
  switch (address.kind) {
    case "connection":
      return connectionPass(engine, address.connection);
    case "permissions":
      return permissionsPass(engine, address.connection);
    case "secrets":
      return secretsPass(engine);
    case "lease":
      return leasePass(engine, address.provider);
    case "binding":
      return bindingPass(engine, address.connection, address);
    case "syncer":
      return syncerPass(engine, syncerFor(engine, address.connection, address.api));
    case "object": {
      const syncer = engine.syncers.get(syncerKey(address.connection, address.api));
      return syncer ? objectPass(engine, syncer, address.key) : Promise.resolve();
    }
    default:
      return runRelated(engine, address);
  }
}

/**
 * The function the queue runs. Never rejects. Before the consumer's own objects are listed nothing is decided; but why they
 * cannot be listed may be a matter of rights.
 */
export const createWorker =
  (engine: Engine) =>
  async (key: string): Promise<void> => {
    const address = parseAddress(key);
    if (!engine.directory.complete && address.kind !== "permissions") return;
    try {
      await run(engine, address);
      engine.telemetry.count("passes_total", { kind: address.kind, result: "done" });
    } catch (error) {
      engine.telemetry.count("passes_total", { kind: address.kind, result: "failed" });
      engine.log.error(
        { key, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
        "pass failed",
      );
      engine.timers.set(key, AFTER_BUG);
    }
  };
