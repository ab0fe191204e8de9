// Every state and transition of the connection machine can be reached the way the host drives it.

import { expect, test } from "vitest";

import { connectionMachine } from "../../machines/connection.ts";
import type { ConnectionContext, ConnectionEvent } from "../../machines/connection-facts.ts";
import {
  COMPLETE,
  connection,
  DUE,
  failed,
  failedDiscovery,
  identified,
  NO_SECRET,
  PASS,
  PINNED,
  PROVIDER,
  secret,
  UNKNOWN,
  unpinned,
  unusable,
} from "./connection-samples.ts";
import { unreached, walk } from "./traversal.ts";

const connections = [
  unpinned({ claimed: false }),
  connection(),
  connection({ deleting: true }),
  connection({ deleting: true, claimed: false }),
  connection({ paused: true }),
  unpinned({ paused: true }),
  connection({ deleting: true, paused: true }),
];

const facts: ConnectionEvent[] = [
  ...connections.map((fact): ConnectionEvent => ({ type: "connection.seen", connection: fact })),
  { type: "connection.gone" },
  ...[secret(), secret({ fingerprint: "second" }), NO_SECRET].map((fact): ConnectionEvent => ({
    type: "secret.seen",
    secret: fact,
  })),
  ...[0, 1].map((bindings): ConnectionEvent => ({ type: "bindings.counted", bindings, leftovers: 0 })),
  ...[UNKNOWN, COMPLETE, failedDiscovery("unreachable")].map((discovery): ConnectionEvent => ({
    type: "discovery.seen",
    discovery,
  })),
  { type: "schemas.seen", schemas: { pending: [], refused: [] } },
];

const answers: ConnectionEvent[] = [
  { type: "claimed" },
  identified(),
  identified({ remote: "another-cluster" }),
  unusable(),
  PINNED,
  { type: "verified", remote: PROVIDER },
  { type: "verified", remote: "another-cluster" },
  { type: "swept" },
  { type: "released" },
  { type: "connection.gone" },
  failed(),
  failed("unauthorized"),
];

/** How many bindings there are matters only once the Connection is being deleted. */
const apart = ({ bindings }: ConnectionContext) => bindings;

const left = unreached(connectionMachine, walk(connectionMachine, { facts, starts: [PASS, DUE], answers, apart }));

test("every state is reached", () => expect(left.states).toEqual([]));

test("every transition is taken", () => expect(left.transitions).toEqual([]));
