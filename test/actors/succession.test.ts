// One client follows another under those who use it. What is promised of requests is shown on fakes that answer when told;
// that watches go on without a list, on a real API server and with two real credentials.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiError, type Cluster, type WatchOptions, type WatchSink } from "../../actors/ports.ts";
import { succession } from "../../actors/succession.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { createRecordingSink } from "../adapters/recording-sink.ts";
import { installWidgets, WIDGETS } from "../adapters/widgets.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";

const KEY = { namespace: "default", name: "one" };

/** Answers a `get` when it is told to; remembers whether it was closed, and its watches. */
const fake = (name: string) => {
  const asked: PromiseWithResolvers<unknown>[] = [];
  const watches: { options: WatchOptions; sink: WatchSink; stopped: boolean }[] = [];
  const state = { name, closed: false, asked, watches, position: undefined as string | undefined };
  const cluster = {
    get: () => {
      const answer = Promise.withResolvers<unknown>();
      asked.push(answer);
      return answer.promise;
    },
    watch: (_resource: unknown, options: WatchOptions, sink: WatchSink) => {
      const watch = { options, sink, stopped: false };
      watches.push(watch);
      return { stop: () => void (watch.stopped = true), position: () => state.position };
    },
    close: async () => void (state.closed = true),
  };
  return { ...state, state, cluster: cluster as unknown as Cluster };
};

const turn = () => new Promise((resolve) => setImmediate(resolve));
const refused = (status: number) => new ApiError(`answered ${status}`, { status });

describe("a watch", () => {
  it("tells of everything that its client tells, also that a list begins", () => {
    const { cluster, state } = fake("only");
    const told: string[] = [];
    succession(cluster).watch(
      WIDGETS,
      {},
      {
        seen: () => told.push("seen"),
        listing: () => told.push("listing"),
        gone: () => told.push("gone"),
        listed: () => told.push("listed"),
        failed: () => told.push("failed"),
        recovered: () => told.push("recovered"),
      },
    );
    const { sink } = state.watches[0] as { sink: Required<WatchSink> };
    sink.listing();
    sink.seen({} as never);
    sink.listed(new Set());
    sink.gone({} as never);
    sink.failed(refused(500));
    sink.recovered();
    expect(told).toEqual(["listing", "seen", "listed", "gone", "failed", "recovered"]);
  });
});

describe("a request", () => {
  it("ends on the client it began with, which closes only then, while new ones go to the next", async () => {
    const [before, next] = [fake("before"), fake("next")];
    const cluster = succession(before.cluster);
    const underWay = cluster.get(WIDGETS, KEY);
    cluster.succeed(next.cluster);
    expect(before.state.closed).toBe(false);
    const later = cluster.get(WIDGETS, KEY);
    before.asked[0]?.resolve("from before");
    next.asked[0]?.resolve("from next");
    expect([await underWay, await later]).toEqual(["from before", "from next"]);
    expect([before.state.closed, next.state.closed]).toEqual([true, false]);
  });

  it("that the client before was refused for its credential is asked of the next one", async () => {
    const [before, next] = [fake("before"), fake("next")];
    const cluster = succession(before.cluster);
    const underWay = cluster.get(WIDGETS, KEY);
    cluster.succeed(next.cluster);
    before.asked[0]?.reject(refused(401));
    await turn();
    next.asked[0]?.resolve("from next");
    expect(await underWay).toBe("from next");
  });

  it.each([403, 404, 409, 500])("that is answered with %s is not repeated", async (status) => {
    const [before, next] = [fake("before"), fake("next")];
    const cluster = succession(before.cluster);
    const underWay = cluster.get(WIDGETS, KEY);
    cluster.succeed(next.cluster);
    before.asked[0]?.reject(refused(status));
    await expect(underWay).rejects.toMatchObject({ status });
    expect(next.asked).toHaveLength(0);
  });

  it("refused for the credential in use is refused", async () => {
    const only = fake("only");
    const underWay = succession(only.cluster).get(WIDGETS, KEY);
    only.asked[0]?.reject(refused(401));
    await expect(underWay).rejects.toMatchObject({ status: 401 });
  });

  it("of whichever client ends when all is closed", async () => {
    const [before, next] = [fake("before"), fake("next")];
    const cluster = succession(before.cluster);
    void cluster.get(WIDGETS, KEY);
    cluster.succeed(next.cluster);
    await cluster.close();
    expect([before.state.closed, next.state.closed]).toEqual([true, true]);
  });
});

describe("a watch", () => {
  it("goes on from where it stood; one that was stopped does not", () => {
    const [before, next] = [fake("before"), fake("next")];
    before.state.position = "41";
    const cluster = succession(before.cluster);
    cluster.watch(WIDGETS, { labelSelector: "a=b" }, createRecordingSink());
    cluster.watch(WIDGETS, {}, createRecordingSink()).stop();
    cluster.succeed(next.cluster);
    expect(before.watches.map(({ stopped }) => stopped)).toEqual([true, true]);
    expect(next.watches.map(({ options }) => options)).toEqual([{ labelSelector: "a=b", from: "41" }]);
  });

  it("tells that it stands again only where it was told that it does not", () => {
    const [before, next] = [fake("before"), fake("next")];
    const cluster = succession(before.cluster);
    const [well, ill] = [createRecordingSink(), createRecordingSink()];
    cluster.watch(WIDGETS, {}, well);
    cluster.watch(WIDGETS, {}, ill);
    before.watches[1]?.sink.failed(refused(401));
    cluster.succeed(next.cluster);
    for (const { sink } of next.watches) sink.recovered?.();
    expect([well.story, ill.story]).toEqual([[], ["failed", "recovered"]]);
  });
});

describe("on a real API server", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ name: "succession", audit: true });
  });
  afterAll(() => plane?.stop());

  it("a watch misses nothing and lists nothing when another credential follows", async () => {
    const users = await Promise.all(["first", "second"].map((name) => plane.addUser(name, ["system:masters"])));
    const [first, second] = users.map((kubeconfig) =>
      createCluster(parseKubeconfig(kubeconfig), { userAgent: "rotated" }),
    );
    const cluster = succession(first as Cluster);
    await installWidgets(cluster);
    const sink = createRecordingSink();
    cluster.watch(WIDGETS, {}, sink);
    await eventually("the list", () => sink.story.includes("listed"));
    const put = (name: string) =>
      cluster.create(WIDGETS, "default", { apiVersion: "example.org/v1", kind: "Widget", metadata: { name } });
    const names = [..."abcdefgh"];
    for (const name of names) {
      await put(name);
      if (name === "d") cluster.succeed(second as Cluster);
    }
    await eventually("all of them", () => sink.story.includes("seen h"));
    expect(sink.story).toEqual(["listed", ...names.map((name) => `seen ${name}`)]);

    const watches = (await plane.auditEvents()).filter(
      ({ verb, userAgent, stage, objectRef }) =>
        verb === "watch" && userAgent === "rotated" && stage === "ResponseStarted" && objectRef?.resource === "widgets",
    );
    const said = watches.map(({ user, requestURI }) => [user.username, requestURI.includes("sendInitialEvents")]);
    expect(said.at(-1)).toEqual(["second", false]);
    expect(said.filter(([, lists]) => lists)).toEqual([["first", true]]);
    await cluster.close();
  });
});
