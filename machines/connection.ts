// One Connection: from a Secret to an engaged provider whose identity is pinned, and back, whatever the order in which
// Secret, Connection and bindings come and go. While a state is tagged "engaged" the actor keeps the provider client
// open, anywhere else it is closed. What the states mean for the conditions is machines/connection-status.ts.
// Rules: docs/reference/behaviour.md, "Connections".

import { assign, setup } from "xstate";
import {
  type ConnectionContext,
  type ConnectionEvent,
  type Discovery,
  failedRecently,
  initialConnectionContext,
  isDiscovered,
  isEngaged,
  isOutdated,
  isPassing,
  isSuccession,
  isUnclaimed,
  NOTHING_AWAITED,
  LOST,
  pinDiffers,
  pinMissing,
  secretUnusable,
} from "./connection-facts.ts";
import { faultDelay } from "./rules/backoff.ts";

const isEmptied = ({ connection, bindings, leftovers }: ConnectionContext): boolean =>
  connection?.deleting === true && bindings === 0 && leftovers === 0;

/** Milliseconds between looks at whether the provider is again the cluster it was. */
const IDENTITY_RECHECK = 10_000;

const UNKNOWN: Discovery = { state: "unknown" };

/** The client answers: what still fails concerns the list of exports alone. */
const withoutDoubt = (discovery: Discovery): Discovery =>
  discovery.state === "failed" ? { ...discovery, fault: "degraded" } : discovery;

/** A write was not made because the Connection went away meanwhile. */
const vanished = { "connection.gone": { target: "#connection.deciding", actions: "forgetConnection" } } as const;

/** Engaged, for everything or for deletions only: with the present kubeconfig, unless that one cannot be used yet. */
const engagedWithPresent = {
  weighing: { always: [{ guard: "outdated", target: "outdated" }, { target: "current" }] },
  current: {
    tags: ["resting", "engaged"],
    entry: "succeed",
    description: "With the kubeconfig that the Secret holds.",
  },
} as const;

export const connectionMachine = setup({
  types: {
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    tags: {} as "resting" | "engaged" | "timed",
  },
  guards: {
    factsIncomplete: ({ context: { connection, secret, bindings } }) =>
      connection === undefined || (connection !== null && (secret === undefined || bindings === undefined)),
    connectionAbsent: ({ context }) => context.connection === null,
    released: ({ context }) => context.connection?.deleting === true && !context.connection.claimed,
    noBindingsLeft: ({ context }) => isEmptied(context),
    pausedAtTheEnd: ({ context }) => context.connection?.paused === true && isEmptied(context),
    // What is not ours yet, or not pinned, cannot be used without a write; what is, goes on being read.
    pausedBeforeUse: ({ context: { connection }, context }) =>
      connection?.paused === true && (!connection.claimed || pinMissing(context)),
    unclaimed: ({ context }) => isUnclaimed(context),
    secretUnusable: ({ context }) => secretUnusable(context),
    successorDue: ({ context }) => isOutdated(context) && !failedRecently(context),
    engagedAndDeleting: ({ context }) => isEngaged(context) && context.connection?.deleting === true,
    engagedAndFaulty: ({ context }) =>
      isEngaged(context) && context.discovery.state === "failed" && LOST.has(context.discovery.fault),
    engagedAndDiscovered: ({ context }) => isEngaged(context) && isDiscovered(context),
    engaged: ({ context }) => isEngaged(context) && !isOutdated(context),
    outdated: ({ context }) => isOutdated(context),
    failurePasses: ({ context: { failed } }) => failed !== null && isPassing(failed),
    // Lost with the status by force: nothing may be written for a consumer that has no name.
    engagedUnpinned: ({ context }) => isEngaged(context) && context.identity !== null && pinMissing(context),
    failedRecently: ({ context }) => failedRecently(context),
    identityChanged: ({ context }) => pinDiffers(context),
    pinMissing: ({ context }) => pinMissing(context),
  },
  actions: {
    // Effects: carried out by the actor, each answered with one event.
    claim: () => {},
    identify: () => {},
    writePins: () => {},
    verify: () => {},
    sweep: () => {},
    release: () => {},
    // Memory.
    noteConnection: assign(({ event }) => (event.type === "connection.seen" ? { connection: event.connection } : {})),
    forgetConnection: assign({ connection: null }),
    noteSecret: assign(({ event }) => (event.type === "secret.seen" ? { secret: event.secret } : {})),
    noteBindings: assign(({ event }) => {
      if (event.type !== "bindings.counted") return {};
      const { bindings, leftovers, awaited = NOTHING_AWAITED } = event;
      return { bindings, leftovers, awaited };
    }),
    noteSchemas: assign(({ event }) => (event.type === "schemas.seen" ? { schemas: event.schemas } : {})),
    noteDiscovery: assign(({ event }) => (event.type === "discovery.seen" ? { discovery: event.discovery } : {})),
    noteClaimed: assign(({ context: { connection, secret } }) => ({
      connection: connection ? { ...connection, claimed: true } : connection,
      secret: secret ? { ...secret, settled: true } : secret,
    })),
    noteIdentity: assign(({ context, event }) => {
      if (event.type !== "identified") return {};
      const { remote, local, fingerprint } = event;
      // What the client before has seen stays true; that it failed says nothing about this one.
      const discovery = isSuccession(context, event) ? withoutDoubt(context.discovery) : UNKNOWN;
      return { identity: { remote, local }, engagedWith: fingerprint, discovery, unusable: null, failed: null };
    }),
    noteUnusable: assign(({ event }) =>
      event.type === "unusable"
        ? { unusable: { fingerprint: event.fingerprint, reason: event.reason, message: event.message } }
        : {},
    ),
    notePins: assign(({ context, event }) =>
      event.type === "pinned" && context.connection
        ? { connection: { ...context.connection, remoteClusterUid: event.remote, localClusterUid: event.local } }
        : {},
    ),
    noteFailure: assign(({ context, event }) => {
      if (event.type !== "failed") return {};
      const attempts = context.attempts + 1;
      const fingerprint = context.secret?.fingerprint ?? "";
      return {
        attempts,
        retryIn: Math.max(faultDelay(attempts), (event.retryAfter ?? 0) * 1000),
        failed: { fault: event.fault, message: event.message, fingerprint },
      };
    }),
    noteReachable: assign(({ context: { connection, discovery, identity }, event }) => ({
      discovery: withoutDoubt(discovery),
      identity:
        event.type === "verified"
          ? { local: event.local ?? identity?.local ?? connection?.localClusterUid ?? "", remote: event.remote }
          : identity,
    })),
    recheckIdentity: assign({ retryIn: IDENTITY_RECHECK }),
    disengage: assign({ engagedWith: "", discovery: { state: "unknown" } }),
    startOver: assign({ retryIn: null }),
    // Only a rest that is tagged "timed" keeps the time of the next try, so a failure is remembered nowhere else.
    forgetFailure: assign({ failed: null }),
    succeed: assign({ attempts: 0, retryIn: null, failed: null }),
  },
}).createMachine({
  id: "connection",
  description: "One Connection: Secret, identity, discovery, engagement, and the way back.",
  context: initialConnectionContext,
  initial: "engaging",
  on: {
    "connection.seen": { actions: "noteConnection" },
    "connection.gone": { actions: "forgetConnection" },
    "secret.seen": { actions: "noteSecret" },
    "bindings.counted": { actions: "noteBindings" },
    "schemas.seen": { actions: "noteSchemas" },
    "discovery.seen": { actions: "noteDiscovery" },
    pass: { target: ".deciding", actions: "startOver" },
    due: { target: ".deciding", actions: ["startOver", "forgetFailure"] },
  },
  states: {
    deciding: {
      description: "Weighs the facts; the first rule that holds wins.",
      always: [
        { guard: "factsIncomplete", target: "engaging.waiting" },
        { guard: "connectionAbsent", target: "gone" },
        { guard: "released", target: "gone" },
        { guard: "pausedAtTheEnd", target: "cleaningUp.paused" },
        { guard: "noBindingsLeft", target: "cleaningUp.sweeping" },
        { guard: "unclaimed", target: "engaging.claiming" },
        { guard: "pausedBeforeUse", target: "disengaged.paused" },
        { guard: "secretUnusable", target: "disengaged.secretUnusable" },
        { guard: "successorDue", target: "engaging.succeeding" },
        { guard: "engagedAndFaulty", target: "engaging.verifying" },
        { guard: "engagedUnpinned", target: "engaging.pinning" },
        { guard: "engagedAndDeleting", target: "cleaningUp.draining" },
        { guard: "engagedAndDiscovered", target: "ready" },
        { guard: "engaged", target: "engaging.discovering" },
        { guard: "failedRecently", target: "disengaged.waiting" },
        { target: "engaging.identifying" },
      ],
    },
    engaging: {
      initial: "waiting",
      states: {
        waiting: {
          tags: "resting",
          entry: "forgetFailure",
          description: "Until Connection, Secret and bindings have been listed.",
        },
        claiming: {
          description: "Our finalizer goes on the Secret first, then on the Connection.",
          entry: "claim",
          on: { claimed: { target: "#connection.deciding", actions: "noteClaimed" }, ...vanished },
        },
        identifying: {
          description: "Builds the client from the Secret and reads who is there, and who we are.",
          entry: "identify",
          on: {
            identified: { target: "comparing", actions: "noteIdentity" },
            unusable: { target: "#connection.deciding", actions: "noteUnusable" },
          },
        },
        succeeding: {
          tags: "engaged",
          description: "The kubeconfig has changed: the same as identifying, while the client before goes on working.",
          entry: "identify",
          on: {
            identified: { target: "comparing", actions: "noteIdentity" },
            unusable: { target: "#connection.deciding", actions: "noteUnusable" },
            failed: { target: "weighing", actions: "noteFailure" },
          },
        },
        weighing: {
          always: [
            { guard: "failurePasses", target: "#connection.deciding" },
            { target: "#connection.disengaged.waiting" },
          ],
        },
        comparing: {
          always: [
            { guard: "identityChanged", target: "#connection.conflicted" },
            { guard: "pinMissing", target: "pinning" },
            { target: "#connection.deciding" },
          ],
        },
        pinning: {
          description: "Writes both identities to the status before anything else is done with the provider.",
          entry: "writePins",
          on: { pinned: { target: "#connection.deciding", actions: "notePins" }, ...vanished },
        },
        discovering: {
          tags: ["resting", "engaged"],
          entry: "forgetFailure",
          description: "Engaged; the first complete list of exported APIs is awaited.",
        },
        verifying: {
          tags: "engaged",
          description: "The provider watch failed: does the provider still answer, and is it the same?",
          entry: "verify",
          on: { verified: { target: "verified", actions: "noteReachable" } },
        },
        verified: {
          always: [{ guard: "identityChanged", target: "#connection.conflicted" }, { target: "#connection.deciding" }],
        },
      },
      on: { failed: { target: "disengaged.waiting", actions: "noteFailure" } },
    },
    ready: {
      description: "Identity verified, exports known: syncers run.",
      initial: "weighing",
      states: {
        ...engagedWithPresent,
        outdated: {
          tags: ["resting", "engaged", "timed"],
          description:
            "With the one before, which still works: the present one cannot be used yet; tried again when due.",
        },
      },
    },
    conflicted: {
      tags: "resting",
      entry: ["disengage", "recheckIdentity", "forgetFailure"],
      description: "Another cluster answers than the pinned one: nothing is read from or written to it.",
    },
    disengaged: {
      entry: "disengage",
      initial: "waiting",
      states: {
        secretUnusable: {
          tags: "resting",
          entry: "forgetFailure",
          description: "Secret missing, not allowed or unusable: waits for it to change.",
        },
        waiting: { tags: ["resting", "timed"], description: "A step failed; tried again when due." },
        paused: {
          tags: "resting",
          entry: "forgetFailure",
          description: "Paused before it was ours and pinned, which takes a write.",
        },
      },
    },
    cleaningUp: {
      initial: "draining",
      states: {
        paused: {
          tags: ["resting", "engaged"],
          entry: "forgetFailure",
          description: "Nothing is left to wait for but the annotation that stops every write.",
        },
        draining: {
          description: "Bindings still name it: engaged for their deletions only.",
          initial: "weighing",
          states: {
            ...engagedWithPresent,
            outdated: { tags: ["resting", "engaged", "timed"], description: "With the one before, which still works." },
          },
        },
        sweeping: {
          description: "No binding is left: the consumer CRDs that came through it are removed or let go.",
          entry: "sweep",
          on: { swept: "releasing" },
        },
        releasing: {
          description: "Frees the Secret, unless another Connection needs it, then the Connection itself.",
          entry: "release",
          on: { released: "#connection.gone" },
        },
        blocked: {
          tags: "resting",
          entry: "disengage",
          description: "A step of the clean-up failed; tried again when due.",
        },
      },
      on: { failed: { target: ".blocked", actions: "noteFailure" } },
    },
    gone: { tags: "resting", entry: ["disengage", "forgetFailure"], description: "Nothing of ours holds it any more." },
  },
});
