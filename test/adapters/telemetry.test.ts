import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ApiError } from "../../actors/ports.ts";
import { gaugeEventLoop } from "../../adapters/telemetry/event-loop.ts";
import { createLog } from "../../adapters/telemetry/logs.ts";
import { createMetrics } from "../../adapters/telemetry/metrics.ts";

const capture = (level: "debug" | "info" | "warn" | "error" = "debug") => {
  const lines: string[] = [];
  const log = createLog(level, { write: (line) => void lines.push(line) });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown> };
};

describe("the log", () => {
  it("writes one JSON line per entry, with level, time, message and fields", () => {
    const { log, lines, last } = capture();
    log.info({ connection: "acme", key: "acme/object/w" }, "synced");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/\}\n$/);
    expect(last()).toMatchObject({ level: "info", msg: "synced", connection: "acme", key: "acme/object/w" });
    expect(Date.parse(String(last()["time"]))).toBeGreaterThan(0);
  });

  it("keeps to its level", () => {
    const { log, lines } = capture("warn");
    log.debug({}, "no");
    log.info({}, "no");
    log.warn({}, "yes");
    log.error({}, "yes");
    expect(lines).toHaveLength(2);
  });

  it("hides whatever is named like a secret, at any depth", () => {
    const { log, lines } = capture();
    const secret = "hunter2";
    log.info(
      {
        token: secret,
        kubeconfig: secret,
        bearerToken: secret,
        password: secret,
        data: { kubeconfig: secret },
        deep: [{ object: { stringData: secret, "client-key-data": secret, Authorization: secret } }],
        secret: { namespace: "kube-bind", name: "acme" },
        kubeconfigSecretRef: { name: "acme" },
      },
      "whatever",
    );
    expect(lines.join("")).not.toContain(secret);
    expect(lines[0]).toContain('"secret":{"namespace":"kube-bind","name":"acme"}');
    expect(lines[0]).toContain('"kubeconfigSecretRef":{"name":"acme"}');
  });

  it("tells of an error what it is, and nothing it drags along", () => {
    const { log, last } = capture();
    const error = Object.assign(new ApiError("no", { status: 403, reason: "Forbidden" }), {
      request: { headers: "hunter2" },
    });
    log.error({ error }, "failed");
    expect(last()["error"]).toMatchObject({ type: "ApiError", message: "no", status: 403, reason: "Forbidden" });
    expect(JSON.stringify(last())).not.toContain("hunter2");
  });

  it("survives values that refer to themselves", () => {
    const { log, lines } = capture();
    const loop: Record<string, unknown> = { n: 1 };
    loop["loop"] = loop;
    log.info({ loop }, "round and round");
    expect(lines).toHaveLength(1);
  });
});

describe("the metrics", () => {
  it("are Prometheus text: counters by label, gauges read when asked", () => {
    const metrics = createMetrics();
    let depth = 3;
    metrics.count("requests_total", { verb: "get", code: "200" });
    metrics.count("requests_total", { code: "200", verb: "get" });
    metrics.count("requests_total", { verb: "get", code: "500" });
    metrics.count("starts_total", {});
    metrics.gauge("queue_depth", () => depth);
    depth = 7;
    expect(metrics.render()).toBe(
      [
        "# TYPE konnector_requests_total counter",
        'konnector_requests_total{code="200",verb="get"} 2',
        'konnector_requests_total{code="500",verb="get"} 1',
        "# TYPE konnector_starts_total counter",
        "konnector_starts_total 1",
        "# TYPE konnector_queue_depth gauge",
        "konnector_queue_depth 7",
        "",
      ].join("\n"),
    );
  });

  it("count amounts, too, and show a gauge for each set of labels for as long as somebody reads it", () => {
    const metrics = createMetrics();
    metrics.count("wait_seconds_total", { side: "acme" }, 1.5);
    metrics.count("wait_seconds_total", { side: "acme" }, 0.25);
    const ends = [
      metrics.gauge("in_flight", () => 3, { side: "acme" }),
      metrics.gauge("in_flight", () => 4, { side: "umbrella" }),
      // Two clients of one Connection, while its Secret is rotated.
      metrics.gauge("in_flight", () => 5, { side: "acme" }),
    ];
    const inFlight = () => metrics.render().split("\n").filter((line) => line.startsWith("konnector_in_flight")); // prettier-ignore
    expect(metrics.render()).toContain('konnector_wait_seconds_total{side="acme"} 1.75\n');
    expect(inFlight()).toEqual(['konnector_in_flight{side="acme"} 8', 'konnector_in_flight{side="umbrella"} 4']);
    ends[0]?.();
    ends[1]?.();
    expect(inFlight()).toEqual(['konnector_in_flight{side="acme"} 5']);
    ends[2]?.();
    ends[2]?.();
    expect(inFlight()).toEqual([]);
  });

  it("escape label values, survive a gauge that throws, and stay bounded", () => {
    const metrics = createMetrics();
    metrics.count("odd_total", { name: 'a"b\\c\nd' });
    expect(metrics.render()).toContain('konnector_odd_total{name="a\\"b\\\\c\\nd"} 1');
    metrics.gauge("broken", () => {
      throw new Error("broken");
    });
    expect(metrics.render()).toContain("konnector_broken NaN");
    for (let i = 0; i < 5_000; i++) metrics.count("many_total", { i: String(i) });
    const many = metrics
      .render()
      .split("\n")
      .filter((line) => line.startsWith("konnector_many_total"));
    expect(many).toHaveLength(1_001);
    expect(many.at(-1)).toBe('konnector_many_total{overflow="true"} 4000');
  });

  it("tell how long the event loop was held up since they were last read", async () => {
    const metrics = createMetrics();
    gaugeEventLoop(metrics);
    const gauge = (name: string) => Number(new RegExp(`^konnector_${name} (.+)$`, "m").exec(metrics.render())?.[1]);
    await pause(60);
    for (const begun = performance.now(); performance.now() - begun < 500;);
    await pause(60);
    expect(gauge("event_loop_delay_max_seconds")).toBeGreaterThan(0.4);
    await pause(60);
    expect(gauge("event_loop_delay_p99_seconds")).toBeLessThan(0.4);
  });
});
