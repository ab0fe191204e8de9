// A WatchSink that writes down what it is told, in order, for tests to look at.

import type { ApiError, UnreachableError, WatchSink } from "../../actors/ports.ts";
import type { KubeObject } from "../../crds/kube-object.ts";

export type Call =
  | { call: "seen" | "gone"; name: string; object: KubeObject }
  | { call: "listed"; keys: string[] }
  | { call: "failed"; error: ApiError | UnreachableError }
  | { call: "recovered" };

export interface RecordingSink extends WatchSink {
  calls: Call[];
  /** "seen a", "gone b", "listed /a /b", "failed", "recovered". */
  readonly story: string[];
  readonly failures: (ApiError | UnreachableError)[];
  /** Begins a new story. */
  forget(): void;
}

const tell = (call: Call): string => {
  if (call.call === "seen" || call.call === "gone") return `${call.call} ${call.name}`;
  return call.call === "listed" ? `listed ${call.keys.join(" ")}`.trim() : call.call;
};

export const createRecordingSink = (): RecordingSink => {
  const calls: Call[] = [];
  return {
    calls,
    seen: (object) => calls.push({ call: "seen", name: object.metadata.name, object }),
    gone: (object) => calls.push({ call: "gone", name: object.metadata.name, object }),
    listed: (keys) => calls.push({ call: "listed", keys: [...keys].toSorted() }),
    failed: (error) => calls.push({ call: "failed", error }),
    recovered: () => calls.push({ call: "recovered" }),
    get story() {
      return calls.map(tell);
    },
    get failures() {
      return calls.flatMap((call) => (call.call === "failed" ? [call.error] : []));
    },
    forget: () => void calls.splice(0),
  };
};
