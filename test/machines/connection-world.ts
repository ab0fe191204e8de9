// A Connection, its Secret, the provider the Secret leads to and the client that is kept open: enough to answer every effect
// of the connection machine truthfully, and to keep watch over what must never happen.

import type {
  ConnectionContext,
  ConnectionEvent,
  ConnectionFault,
  Discovery,
} from "../../machines/connection-facts.ts";
import { complete, connection, CONSUMER, NO_SECRET, PROVIDER, secret, WIDGETS } from "./connection-samples.ts";
import type { Simulation } from "./replica.ts";

export const SIDES = ["connection", "secret", "bindings", "discovery"] as const;
export type Side = (typeof SIDES)[number];

/** What the Secret holds: two credentials for the provider, one for another cluster, one that nobody answers, nonsense, or nothing. */
export type Content = "first" | "second" | "elsewhere" | "nowhere" | "nonsense" | "";

export interface World {
  connection: {
    uid: string;
    claimed: boolean;
    deleting: boolean;
    paused: boolean;
    remote: string;
    local: string;
  } | null;
  /** The Secret lies in the namespace that is read. */
  allowed: boolean;
  secret: { content: Content; claimed: boolean; deleting: boolean } | null;
  provider: "up" | "down" | "unauthorized" | "forbidden";
  bindings: number;
  leftovers: number;
  /** The client that is open, and whether it has seen the exports. */
  client: { content: string; remote: string; discovered: boolean } | null;
}

/** What happens to a request: carried out, failed, or carried out while its answer is lost. */
export type Fate = "done" | "lost" | "failed";

export const remoteOf = (content: Content | undefined): string =>
  content === "elsewhere" ? "another-cluster" : PROVIDER;

const FAULTS: Record<Exclude<World["provider"], "up">, ConnectionFault> = {
  down: "unreachable",
  unauthorized: "unauthorized",
  forbidden: "forbidden",
};

const discovery = ({ client, provider }: World): Discovery => {
  if (client === null) return { state: "unknown" };
  const exports = client.discovered ? [WIDGETS] : null;
  if (provider !== "up") {
    return { state: "failed", source: "CRD", fault: FAULTS[provider], message: `it is ${provider}`, exports };
  }
  return exports === null ? { state: "unknown" } : complete(exports);
};

function truth(world: World, side: Side): ConnectionEvent[] {
  switch (side) {
    case "connection": {
      if (world.connection === null) return [{ type: "connection.gone" }];
      const { remote, local, ...rest } = world.connection;
      const fact = connection({
        ...rest,
        secretAllowed: world.allowed,
        remoteClusterUid: remote,
        localClusterUid: local,
      });
      return [{ type: "connection.seen", connection: fact }];
    }
    case "secret": {
      if (world.secret === null || !world.allowed) return [{ type: "secret.seen", secret: NO_SECRET }];
      const { content, claimed, deleting } = world.secret;
      const problem = content === "" ? "key kubeconfig is empty" : "";
      const fact = secret({ settled: claimed || deleting, fingerprint: content, problem });
      return [{ type: "secret.seen", secret: fact }];
    }
    case "bindings":
      return [{ type: "bindings.counted", bindings: world.bindings, leftovers: world.leftovers }];
    case "discovery":
      return [{ type: "discovery.seen", discovery: discovery(world) }];
  }
}

export function simulate(
  world: World,
  fate: () => Fate,
  heard: (side: Side, facts: readonly ConnectionEvent[]) => void,
): Simulation<ConnectionContext, ConnectionEvent, Side> {
  const writes: string[] = [];
  const violations: string[] = [];
  const never = (what: string, happened: boolean) => happened && violations.push(what);
  let candidate: { content: string; remote: string } | null = null;

  const failure = (fault: ConnectionFault): ConnectionEvent => ({ type: "failed", fault, message: `it is ${fault}` });

  /** A request to our own cluster. */
  const write = async (name: string, side: Side | null, carryOut: () => ConnectionEvent): Promise<ConnectionEvent> => {
    const chosen = fate();
    if (chosen === "failed") return failure("local");
    const answer = carryOut();
    writes.push(name);
    if (chosen === "lost") return failure("local");
    if (side !== null) heard(side, truth(world, side));
    return answer;
  };

  const answering = (): ConnectionFault | null => (world.provider === "up" ? null : FAULTS[world.provider]);

  /** Only what the Secret held when the pass began is used. */
  const identified = (fingerprint: string): ConnectionEvent => {
    if (!world.allowed || world.secret?.content !== fingerprint) return failure("local");
    const { content } = world.secret;
    if (content === "nonsense" || content === "") {
      return { type: "unusable", fingerprint, reason: "ForbiddenField", message: "exec is refused" };
    }
    const fault = fate() === "done" && content !== "nowhere" ? answering() : "unreachable";
    if (fault !== null) return failure(fault);
    return { type: "identified", remote: remoteOf(content), local: CONSUMER, fingerprint };
  };

  /** Opens, swaps or closes the client as the state asks for. */
  const keepClient = (wanted: string): void => {
    const before = world.client;
    if (world.client?.content !== wanted) world.client = null;
    if (wanted !== "" && candidate?.content === wanted) {
      // One that leads to the same cluster takes over what was seen; nothing is listed again.
      world.client = { ...candidate, discovered: before?.remote === candidate.remote && before.discovered };
      heard("discovery", truth(world, "discovery"));
    }
    candidate = null;
  };

  return {
    writes,
    violations,
    truth: (side) => truth(world, side),
    effects: {
      claim: ({ connection: known }) =>
        write("claim", "connection", () => {
          if (world.connection === null) return { type: "connection.gone" };
          never("a claim of what is paused", known?.paused === true);
          if (world.allowed && world.secret && !world.secret.deleting) {
            world.secret.claimed = true;
            heard("secret", truth(world, "secret"));
          }
          world.connection.claimed ||= !world.connection.deleting;
          return { type: "claimed" };
        }),
      identify: async ({ connection: known, secret: source }) => {
        never("a Secret read outside its namespace", known?.secretAllowed !== true);
        never("a request before the finalizers", known?.claimed !== true);
        candidate = null;
        const answer = identified(source?.fingerprint ?? "");
        if (answer.type === "identified") candidate = { content: answer.fingerprint, remote: answer.remote };
        return answer;
      },
      writePins: ({ connection: known, identity }) =>
        write("writePins", "connection", () => {
          if (world.connection === null || identity === null) return { type: "connection.gone" };
          const { remote, local } = world.connection;
          never("a pin of what is paused", known?.paused === true);
          never("a pin changed", remote !== "" && remote !== identity.remote);
          never("an own pin changed", local !== "" && local !== identity.local);
          Object.assign(world.connection, identity);
          return { type: "pinned", ...identity };
        }),
      verify: async () => {
        const fault = fate() === "done" ? answering() : "unreachable";
        if (fault === "unreachable" || fault === "unauthorized" || world.client === null) {
          return failure(fault ?? "unreachable");
        }
        return { type: "verified", remote: world.client.remote };
      },
      sweep: ({ connection: known, bindings, leftovers }) =>
        write("sweep", null, () => {
          never("a sweep for what is paused", known?.paused === true);
          never("a sweep for a Connection that stays", known?.deleting !== true);
          never("a sweep while bindings or objects are left", bindings !== 0 || leftovers > 0);
          return { type: "swept" };
        }),
      release: ({ connection: known, bindings }) =>
        write("release", null, () => {
          never("a release of what is paused", known?.paused === true);
          never("a release of a Connection that stays", known?.deleting !== true);
          never("a release while bindings are left", bindings !== 0);
          if (world.secret && world.allowed)
            world.secret = world.secret.deleting ? null : { ...world.secret, claimed: false };
          if (world.connection?.deleting) world.connection = null;
          heard("connection", truth(world, "connection"));
          return { type: "released" };
        }),
    },
    ended: () => (world.client = null),
    rested(rest) {
      const { engagedWith, connection: known } = rest.context;
      const wanted = rest.hasTag("engaged") ? engagedWith : "";
      keepClient(wanted);
      if (wanted === "") return;
      never("an engaged state without a client", world.client === null);
      never("a client without a Connection", !known);
      never("a client for a Secret that is not to be read", known?.secretAllowed !== true);
      never("a client of another cluster than the pinned one", known?.remoteClusterUid !== world.client?.remote);
    },
  };
}

/** What goes on by itself: the client lists the exports; objects let go while the provider can be asked. */
export function elapse(world: World, at: string): void {
  if (world.client && world.provider === "up") world.client.discovered = true;
  if (at.startsWith("cleaningUp.draining") && world.bindings === 0 && !world.connection?.paused) world.leftovers = 0;
}
