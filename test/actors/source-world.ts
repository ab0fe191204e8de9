// A provider for the tests of schema sources: a fake that counts what it is asked and fails to order, because intervals of
// minutes must be tried in no time. What a real server answers is in test/adapters/kube-discovery.test.ts and test/e2e.

import { setImmediate as turn } from "node:timers/promises";

import type { Crd } from "../../crds/definition-object.ts";
import { LABEL } from "../../crds/labels.ts";
import type { DiscoveredGroup } from "../../crds/openapi/discovered.ts";
import { ApiError, type Cluster, type ListOptions, type WatchSink } from "../../actors/ports.ts";
import { createDocuments } from "../../actors/documents.ts";
import { group } from "../crds/openapi/discovery.ts";
import { widgetCrd } from "../crds/widget-crd.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

export const RESYNC = 30_000;
/** More than the jitter may add to `ms`. */
export const surely = (ms: number): number => ms * 1.2 + 1;

export const APIEXTENSIONS: DiscoveredGroup = group("apiextensions.k8s.io", {
  resource: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
});
export const WIDGETS: DiscoveredGroup = group("example.org", {});
const WIDGET_DOCUMENT = {
  components: {
    schemas: {
      widget: {
        type: "object",
        "x-kubernetes-group-version-kind": [{ group: "example.org", version: "v1", kind: "Widget" }],
        properties: { spec: { type: "object", properties: { size: { type: "string" } } } },
      },
    },
  },
};

export const refused = (status: number): ApiError => new ApiError(`answered ${status}`, { status });

export interface Provider {
  cluster: Cluster;
  clock: ManualClock;
  documents: ReturnType<typeof createDocuments>;
  /** What was asked, in order: "discover", "documents", "document example.org/v1", "watch", "list", "list names". */
  asked: string[];
  groups: readonly DiscoveredGroup[];
  published: ReadonlyMap<string, string>;
  /** By what is asked. */
  fails: Partial<Record<"discover" | "documents" | "document" | "watch" | "list", Error>>;
  crds: Crd[];
  /** The sink of the watch that stands. */
  sink: WatchSink | undefined;
  /** What was asked since the last time. */
  heard(): string[];
  /** Lets time pass, and what becomes due be done. */
  pass(ms: number): Promise<void>;
}

/** Until everything that was under way has been done. */
export const settle = async (): Promise<void> => {
  for (let n = 0; n < 5; n++) await turn();
};

export const labelledCrd = (version = "1"): Crd => {
  const crd = widgetCrd();
  const labels = { [LABEL.exported]: "true" };
  return { ...crd, metadata: { ...crd.metadata, labels, resourceVersion: version } };
};

export function fakeProvider(): Provider {
  const clock = manualClock();
  const answer = async <T>(what: string, kind: keyof Provider["fails"], value: () => T): Promise<T> => {
    provider.asked.push(what);
    await Promise.resolve();
    const failure = provider.fails[kind];
    if (failure) throw failure;
    return value();
  };
  const cluster = {
    discover: () => answer("discover", "discover", () => provider.groups),
    documents: () => answer("documents", "documents", () => provider.published),
    document: (groupVersion: string) =>
      answer(`document ${groupVersion}`, "document", () => ({ content: WIDGET_DOCUMENT, bytes: 100 })),
    list: (_resource: unknown, { metadataOnly }: ListOptions) =>
      answer(metadataOnly ? "list names" : "list", "list", () => provider.crds),
    get: () => answer("get", "list", () => provider.crds[0]),
    watch: (_resource: unknown, _options: unknown, sink: WatchSink) => {
      let stopped = false;
      provider.asked.push("watch");
      provider.sink = sink;
      queueMicrotask(() => {
        if (stopped) return;
        if (provider.fails.watch) return sink.failed(provider.fails.watch as ApiError);
        provider.crds.forEach((crd) => sink.seen(crd));
        sink.listed(new Set(provider.crds.map(({ metadata }) => `/${metadata.name}`)));
      });
      return {
        stop: () => {
          stopped = true;
          provider.sink = undefined;
        },
      };
    },
  } as unknown as Cluster;
  const provider: Provider = {
    cluster,
    clock,
    documents: createDocuments(clock),
    asked: [],
    groups: [APIEXTENSIONS, WIDGETS],
    published: new Map([["example.org/v1", "hash=A"]]),
    fails: {},
    crds: [],
    sink: undefined,
    heard: () => provider.asked.splice(0),
    async pass(ms) {
      clock.advance(ms);
      await settle();
    },
  };
  return provider;
}
