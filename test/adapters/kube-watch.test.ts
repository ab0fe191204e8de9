// The watch against real API servers, one as it comes and one without streaming lists and without a watch cache (which
// forgets history when etcd is compacted), each behind a proxy that fails on demand.

import { isDeepStrictEqual } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Cluster, UnreachableError, type Watch, type WatchOptions, type WatchSink } from "../../actors/ports.ts";
import { type ClusterOptions, createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { type FaultMode, type FaultProxy, startFaultProxy } from "../harness/fault-proxy.ts";
import { eventually, never, NotYet } from "../harness/wait.ts";
import { createRecordingSink, type RecordingSink } from "./recording-sink.ts";
import { CRDS, definition, installWidgets, WIDGETS } from "./widgets.ts";

interface World {
  plane: ControlPlane;
  proxy: FaultProxy;
  /** Straight to the server, for what the test itself changes. */
  direct: Cluster;
}

const startWorld = async (apiServerFlags: Record<string, string | null>): Promise<World> => {
  const plane = await startControlPlane({ apiServerFlags });
  const proxy = await startFaultProxy(plane.url);
  const direct = createCluster(parseKubeconfig(plane.kubeconfig));
  await installWidgets(direct);
  return { plane, proxy, direct };
};

const stopWorld = async (world: World | undefined): Promise<void> => {
  await world?.direct.close();
  await world?.proxy.stop();
  await world?.plane.stop();
};

let modern: World;
let uncached: World;
let world: World;
let cluster: Cluster;
let sink: RecordingSink;
let requests: string[];
let watches: Watch[];

beforeAll(async () => {
  [modern, uncached] = await Promise.all([
    startWorld({}),
    startWorld({ "watch-cache": "false", "feature-gates": "WatchList=false" }),
  ]);
});
afterAll(async () => {
  await stopWorld(modern);
  await stopWorld(uncached);
});
beforeEach(() => use(modern));
afterEach(async () => {
  await world.proxy.set("pass");
  for (const watch of watches) watch.stop();
  await cluster.close();
  for (const { metadata } of await world.direct.list(WIDGETS)) await remove(metadata.name);
});

const throughProxy = ({ plane, proxy }: World, options: ClusterOptions): Cluster =>
  createCluster({ ...parseKubeconfig(plane.kubeconfig), server: new URL(proxy.url) }, options);

const use = (chosen: World, options: ClusterOptions = {}): void => {
  world = chosen;
  sink = createRecordingSink();
  requests = [];
  watches = [];
  cluster = throughProxy(chosen, {
    heartbeatInterval: 500,
    heartbeatTimeout: 500,
    onRequest: (verb, resource, code) => requests.push(`${verb} ${resource} ${code}`),
    ...options,
  });
};

const watch = (options: WatchOptions = {}, resource: Resource = WIDGETS): void => {
  watches.push(cluster.watch(resource, options, sink));
};

const put = async (name: string, size = 1, labels: Record<string, string> = {}): Promise<void> => {
  const metadata = { name, namespace: "default", labels };
  const body = { apiVersion: "example.org/v1", kind: "Widget", metadata, spec: { size } };
  await world.direct.apply(WIDGETS, { namespace: "default", name }, body, "test");
};
const remove = async (name: string): Promise<void> => {
  const at = { namespace: "default", name };
  const { metadata } = await world.direct.get(WIDGETS, at);
  await world.direct.delete(WIDGETS, at, metadata.uid);
};

const said = (line: string, deadline = 10_000): Promise<unknown> =>
  eventually(`"${line}" among ${JSON.stringify(sink.story)}`, () => sink.story.includes(line), deadline);

describe("a watch", () => {
  it("delivers what is there, says that this is all, and follows", async () => {
    await put("a");
    await put("b");
    watch();
    await said("listed default/a default/b");
    expect(sink.story.toSorted()).toEqual(["listed default/a default/b", "seen a", "seen b"]);
    sink.forget();
    await put("c");
    await put("a", 2);
    await remove("b");
    await said("gone b");
    expect(sink.story).toEqual(["seen c", "seen a", "gone b"]);
    expect(requests.filter((request) => !request.includes("version"))).toEqual(["watch widgets 200"]);
  });

  it("lists nothing as nothing", async () => {
    watch();
    await said("listed");
    expect(sink.story).toEqual(["listed"]);
  });

  it("tells that an object has left its selection", async () => {
    await put("in", 1, { colour: "red" });
    await put("out", 1, { colour: "blue" });
    watch({ labelSelector: "colour=red", namespace: "default" });
    await said("listed default/in");
    await put("in", 1, { colour: "blue" });
    await said("gone in");
    await put("out", 1, { colour: "red" });
    await said("seen out");
  });

  it("delivers metadata only where that is asked for", async () => {
    await put("a");
    watch({ metadataOnly: true });
    await said("listed default/a");
    const [call] = sink.calls;
    expect(call).toMatchObject({ call: "seen", object: { kind: "PartialObjectMetadata", metadata: { name: "a" } } });
    expect(call).not.toHaveProperty("object.spec");
  });

  it.each(["reset", "refuse"] as const)(
    "resumes where it was after a connection loss (%s), without a list",
    async (mode) => {
      await put("doomed");
      await put("old");
      watch();
      await said("listed default/doomed default/old");
      sink.forget();
      await world.proxy.set(mode);
      await said("failed");
      await put("new");
      await remove("doomed");
      await world.proxy.set("pass");
      await said("gone doomed");
      expect(sink.story.filter((line) => line !== "failed")).toEqual(["recovered", "seen new", "gone doomed"]);
      for (const error of sink.failures) expect(error).toBeInstanceOf(UnreachableError);
    },
  );

  it("lists anew after a connection loss when what it told of last is not there any more", async () => {
    await put("old");
    await put("last");
    watch();
    await said("listed default/last default/old");
    sink.forget();
    await world.proxy.set("reset");
    await said("failed");
    await remove("last");
    await world.proxy.set("pass");
    await said("listed default/old");
  });

  it("notices within seconds that a silent connection is dead, and comes back with the server", async () => {
    await put("old");
    watch();
    await said("listed default/old");
    sink.forget();
    await world.proxy.set("blackhole");
    await said("failed", 5_000);
    await put("new");
    await world.proxy.set("pass");
    await said("seen new", 5_000);
    expect(sink.story).not.toContain("seen old");
    expect(sink.story).not.toContain("listed default/old");
  });

  it("begins when the server appears, and counts nothing as gone while it is away", async () => {
    await put("a");
    await world.proxy.set("refuse");
    watch();
    await said("failed");
    expect(sink.story.filter((line) => line !== "failed")).toEqual([]);
    await world.proxy.set("pass");
    await said("listed default/a");
    expect(sink.story.filter((line) => line !== "failed")).toEqual(["recovered", "seen a", "listed default/a"]);
  });

  it("says nothing any more once it is stopped", async () => {
    watch();
    await said("listed");
    const [first] = watches;
    const other = createRecordingSink();
    watches.push(cluster.watch(WIDGETS, {}, { ...other, seen: (object) => (other.seen(object), first?.stop()) }));
    await eventually("the second list", () => other.story.includes("listed"));
    await put("a");
    await eventually("the first change", () => other.story.includes("seen a"));
    await put("b");
    await eventually("both changes", () => other.story.includes("seen b"));
    expect(sink.story.filter((line) => line === "seen b")).toEqual([]);
  });

  it("can be stopped from inside a call", async () => {
    await put("a");
    await put("b");
    const calls: string[] = [];
    const stopping = cluster.watch(
      WIDGETS,
      {},
      {
        ...createRecordingSink(),
        seen: (object) => {
          calls.push(object.metadata.name);
          stopping.stop();
        },
        listed: () => calls.push("listed"),
      },
    );
    await never("a second call", async () => (calls.length > 1 ? calls.join(" ") : undefined), 500);
    expect(calls).toHaveLength(1);
  });

  it("ends with its cluster", async () => {
    watch();
    await said("listed");
    sink.forget();
    await cluster.close();
    await put("a");
    await never("a call", async () => sink.story[0], 300);
    watch();
    await never("a call", async () => sink.story[0], 300);
  });
});

describe("a watch of a type that comes and goes", () => {
  const gadgets: Resource = { ...WIDGETS, resource: "gadgets", kind: "Gadget" };
  const define = () => world.direct.create(CRDS, "", definition(gadgets));
  const undefine = async () => {
    const at = { namespace: "", name: "gadgets.example.org" };
    const { metadata } = await world.direct.get(CRDS, at);
    await world.direct.delete(CRDS, at, metadata.uid);
    await eventually("the type to be gone", () =>
      world.direct.get(CRDS, at).then(
        () => false,
        () => true,
      ),
    );
  };

  it("waits for the type, loses it, and lists it anew when it is back", async () => {
    watch({}, gadgets);
    await said("failed");
    expect(sink.failures[0]).toMatchObject({ status: 404 });
    await define();
    await said("listed");
    const at = { namespace: "default", name: "g" };
    const body = { apiVersion: "example.org/v1", kind: "Gadget", metadata: { name: "g", namespace: "default" } };
    await eventually("the object to be accepted", () => world.direct.apply(gadgets, at, body, "test"));
    await said("seen g");
    sink.forget();
    await undefine();
    await said("gone g");
    await said("failed");
    sink.forget();
    await define();
    await said("listed");
    await undefine();
  });
});

const compact = async (): Promise<void> => {
  const send = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${world.plane.etcdUrl}${path}`, { method: "POST", body: JSON.stringify(body) });
    return (await answer.json()) as Record<string, unknown>;
  };
  const { header } = await send("/v3/kv/range", { key: "AA==" });
  await send("/v3/kv/compaction", { revision: (header as { revision: string }).revision, physical: true });
};

describe("a server without streaming lists", () => {
  it("is listed in pages, then followed", async () => {
    use(uncached, { pageSize: 2 });
    for (const name of ["a", "b", "c", "d", "e"]) await put(name);
    watch();
    await said("listed default/a default/b default/c default/d default/e");
    await put("f");
    await said("seen f");
    expect(sink.failures).toEqual([]);
    expect(requests.filter((request) => request === "list widgets 200")).toHaveLength(3);
  });

  it("is asked for a streaming list once, not by each watch", async () => {
    use(uncached);
    watch();
    await said("listed");
    const before = requests.filter((request) => /watch widgets 4/.test(request)).length;
    watch();
    await eventually("the second list", () => sink.story.filter((line) => line === "listed").length === 2);
    expect(before).toBe(1);
    expect(requests.filter((request) => /watch widgets 4/.test(request))).toHaveLength(1);
  });

  it("is listed anew when it has forgotten the version the watch stood at", async () => {
    use(uncached);
    await put("kept");
    await put("doomed");
    watch();
    await said("listed default/doomed default/kept");
    sink.forget();
    await world.proxy.set("refuse");
    await said("failed");
    await remove("doomed");
    await put("new");
    await compact();
    await world.proxy.set("pass");
    await said("listed default/kept default/new");
    expect(sink.story.filter((line) => line.startsWith("listed"))).toHaveLength(1);
    expect(sink.story).not.toContain("gone doomed");
    for (const error of sink.failures) expect(error).toBeInstanceOf(UnreachableError);
    sink.forget();
    await put("later");
    await said("seen later");
  });

  it("gives one consistent list although it changes between two pages", async () => {
    use(uncached, { pageSize: 2 });
    for (const name of ["a", "b", "c", "d"]) await put(name);
    expect((await cluster.list(WIDGETS)).map(({ metadata }) => metadata.name)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("whatever happens on the way", () => {
  const MODES: FaultMode[] = ["reset", "refuse", "blackhole"];

  /** What somebody believes who listens to a watch. */
  const createMirror = () => {
    const sizes = new Map<string, unknown>();
    const faults = { noticed: 0, mended: 0 };
    const mirror: WatchSink = {
      seen: ({ metadata, spec }) => void sizes.set(metadata.name, spec),
      gone: ({ metadata }) => void sizes.delete(metadata.name),
      listed: (keys) => {
        for (const name of [...sizes.keys()]) if (!keys.has(`default/${name}`)) sizes.delete(name);
      },
      failed: () => void faults.noticed++,
      recovered: () => void faults.mended++,
    };
    return { sizes, mirror, faults };
  };

  it.each([
    ["with streaming lists", () => modern],
    ["with paged lists and lost history", () => uncached],
  ])("a watch ends up with what is there: %s", async (_which, chosen) => {
    use(chosen(), { pageSize: 3, requestTimeout: 1_000, heartbeatInterval: 100, heartbeatTimeout: 200 });
    const { sizes, mirror, faults } = createMirror();
    watches.push(cluster.watch(WIDGETS, {}, mirror));
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    const there = new Set<string>();
    // A fixed walk: a multiplier that visits names, modes and kinds of change in every combination.
    for (let step = 0; step < 30; step++) {
      const name = names[(step * 5) % names.length] as string;
      if (there.has(name) && step % 3 === 0) {
        await remove(name);
        there.delete(name);
      } else {
        await put(name, step);
        there.add(name);
      }
      if (step % 5 === 0) {
        const { noticed } = faults;
        await world.proxy.set(MODES[(step / 5) % 3] as FaultMode);
        await eventually("the fault to be noticed", () => faults.noticed > noticed);
      }
      if (step % 5 === 3) {
        const { mended } = faults;
        await world.proxy.set("pass");
        await eventually("the watch to be back", () => faults.mended > mended, 5_000);
      }
      if (step % 11 === 10 && chosen() === uncached) await compact();
    }
    await world.proxy.set("pass");
    const real = new Map((await world.direct.list(WIDGETS)).map(({ metadata, spec }) => [metadata.name, spec]));
    await eventually("both to be equal", () => isDeepStrictEqual(sizes, real) || new NotYet([...sizes]), 20_000);
  });
});
