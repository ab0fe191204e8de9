// What a history is made of: single acts of people and controllers on either side, as plain data, so that they can be
// printed, left out and played again. What they do to the servers is in player.ts.

export type Policy = "Fail" | "Adopt";
export type ConnectionName = "acme" | "twin" | "other";
export type SideName = "consumer" | "provider";

/** A history is played in so many, side by side with the others of its batch. */
export const ROUNDS = 20;

/** Fields by name; null takes one away. */
export type Fields = Record<string, unknown>;

export type Step =
  // The consumer's user.
  | { do: "create"; name: string; spec: Fields; labels: Record<string, string> }
  | { do: "edit"; name: string; spec: Fields }
  | { do: "label"; name: string; value: string | null }
  | { do: "delete"; name: string }
  | { do: "orphan"; name: string; on: boolean }
  | { do: "pause"; name: string; on: boolean }
  /** Takes every finalizer off, ours included. */
  | { do: "force"; name: string }
  // Whoever, on either side: a finalizer that is none of ours.
  | { do: "hold"; name: string; side: SideName }
  | { do: "lift"; name: string; side: SideName }
  // The provider's controllers and people, on whatever has the name there.
  | { do: "report"; name: string; phase: string; observed: "now" | "before" | "no" }
  | { do: "hush"; name: string }
  | { do: "drift"; name: string; spec: Fields }
  | { do: "add"; name: string; value: number }
  | { do: "unlabel"; name: string }
  | { do: "disown"; name: string }
  | { do: "remove"; name: string }
  /** An object of somebody else's; `marked`: another konnector's. */
  | { do: "occupy"; name: string; spec: Fields; marked: boolean }
  // The consumer's admin.
  | { do: "bind"; policy: Policy }
  | { do: "unbind" }
  | { do: "policy"; policy: Policy }
  /** Takes the API out of the binding's list, or puts it back. */
  | { do: "list"; on: boolean }
  /** Pauses the binding, or goes on. */
  | { do: "suspend"; on: boolean }
  /** Has the binding name that Connection: twin leads to the same provider, other to another, which exports nothing. */
  | { do: "via"; connection: ConnectionName };

/** The API a history plays with, and what binds it: one ClusterBinding for all of them, or a Binding of its own. */
export type Setting = "fail" | "adopt" | "plain" | "own";

export interface History {
  seed: number;
  setting: Setting;
  /** The namespace is not there on the provider at first. */
  brought: boolean;
  /** In order; several may share a round, in which all histories of a batch do theirs. */
  steps: readonly { round: number; step: Step }[];
}

/** For people: what `npm run histories` prints of a history. */
export function tell({ seed, setting, brought, steps }: History): string {
  const head = `history ${seed} (${setting}${brought ? ", its namespace is brought to the provider" : ""})`;
  const lines = steps.map(({ round, step }) => {
    const { do: act, ...rest } = step;
    return `  round ${String(round).padStart(2)}: ${act} ${JSON.stringify(rest)}`;
  });
  return [head, ...lines].join("\n");
}
