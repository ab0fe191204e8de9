// The process: plugs the adapters into the engine, serves probes and metrics, and ends cleanly on SIGTERM or SIGINT.
// Holds no behaviour of its own. Exit codes: 0 after a signal, 1 for a fatal error or a second signal, 2 for bad usage. A
// konnector of one's own is this with another Mapper (docs/guides/mapper.md).
// Rule: docs/reference/behaviour.md, "Process".

import { readFileSync } from "node:fs";
import { type Ports } from "../actors/engine.ts";
import { laneOf } from "../actors/keys.ts";
import { ownCluster } from "../actors/own-cluster.ts";
import type { Identity } from "../actors/ports.ts";
import { startSupervisor, type Supervisor } from "../actors/supervisor.ts";
import { systemClock } from "../adapters/clock.ts";
import { ownHeap, tidyAfterBursts } from "../adapters/heap.ts";
import { startHealth } from "../adapters/http/health.ts";
import { createCluster } from "../adapters/kube/client.ts";
import { createConnect } from "../adapters/kube/connect.ts";
import { createRecorder } from "../adapters/kube/events.ts";
import { loadOwnConfig } from "../adapters/kube/own-config.ts";
import { createMemoryQueue } from "../adapters/queue/memory.ts";
import { gaugeEventLoop } from "../adapters/telemetry/event-loop.ts";
import { createLog } from "../adapters/telemetry/logs.ts";
import { reportLimits } from "../adapters/telemetry/limits.ts";
import { createMetrics, METRICS_CONTENT_TYPE } from "../adapters/telemetry/metrics.ts";
import { identityMapper, type Mapper } from "../machines/rules/mapper.ts";
import { travelPolicy } from "../machines/rules/projection.ts";
import { type Config, parseConfig, USAGE, UsageError } from "./config.ts";

/** Milliseconds after which a shutdown that hangs is cut off; the promise is 10 s. */
const SHUTDOWN = 9_000;

const version = (): string => {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
};

/** What a konnector may be built with; everything else is configured by flags. */
export interface Parts {
  /** Where objects live on the provider; by default under the same names. */
  mapper?: Mapper;
}

async function run(config: Config, { mapper = identityMapper }: Parts): Promise<void> {
  const log = createLog(config["log-level"]);
  // Before anything else: who is told to stop while starting stops, too, and ends with 0.
  const stopping = signal((name) => log.info({ signal: name }, "stopping"));
  const metrics = createMetrics();
  const userAgent = `konnector/${version()}`;
  const optionsFor = (side: string) => ({
    userAgent,
    onRequest: (verb: string, resource: string, code: number) =>
      metrics.count("requests_total", { side, verb, resource, code: String(code) }),
    limiterReport: reportLimits(metrics, log, side),
  });
  const caps = {
    rate: { qps: config["provider-qps"], burst: config["provider-burst"] },
    inFlight: config["provider-max-in-flight"],
  };
  const own = loadOwnConfig(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig });
  log.info({ version: version(), server: own.access.server.origin, source: own.source }, "starting");
  const open = (identity?: Identity) => createCluster(own.access, { ...optionsFor("consumer"), identity });
  const consumer = ownCluster(open, systemClock);
  const rules = { allowHttp: config["allow-http"], allowInsecure: config["allow-insecure-skip-tls-verify"] };
  const ports: Ports = {
    consumer,
    connect: createConnect(rules, (name) => ({ ...optionsFor(name), ...caps })),
    queue: createMemoryQueue(laneOf),
    recorder: createRecorder(consumer, systemClock, log),
    clock: systemClock,
    log,
    telemetry: metrics,
  };
  metrics.gauge("memory_rss_bytes", () => process.memoryUsage().rss);
  metrics.gauge("memory_heap_bytes", () => process.memoryUsage().heapUsed);
  gaugeEventLoop(metrics);
  tidyAfterBursts(ownHeap(), systemClock);
  const running: { supervisor?: Supervisor } = {};
  // Before anything is done: a process whose ports are taken must not be a second writer.
  const health = await startHealth({
    probeAddress: config["health-probe-bind-address"],
    metricsAddress: config["metrics-bind-address"],
    live: {},
    ready: { consumer: () => (running.supervisor ? running.supervisor.readiness().missing[0] : "starting") },
    metrics: { contentType: METRICS_CONTENT_TYPE, render: () => metrics.render() },
  });
  running.supervisor = startSupervisor(ports, {
    namespace: config.namespace,
    lease: { namespace: config["lease-namespace"], seconds: Math.ceil(config["lease-duration"] / 1000) },
    mapper,
    travel: travelPolicy(config["sync-annotations"]),
    related: {
      namespace: config.namespace,
      systemNamespaces: config["related-system-namespaces"],
      everything: config["allow-unselected-related"],
    },
    deleteEmptyNamespaces: config["delete-empty-namespaces"],
    drainTimeout: config["drain-timeout"],
    resyncInterval: config["resync-interval"],
    groups: { excluded: config["openapi-exclude-groups"], allowed: config["openapi-include-groups"] },
  });
  await stopping;
  setTimeout(() => process.exit(1), SHUTDOWN).unref();
  await running.supervisor.stop();
  await Promise.all([health.close(), consumer.close()]);
  log.info({}, "stopped");
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
const signal = (told: (name: string) => void): Promise<void> =>
  new Promise((resolve) => {
    let signalled = false;
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        if (signalled) process.exit(1);
        signalled = true;
        told(name);
        resolve();
      });
    }
  });

/** Runs a konnector until it is told to stop. `args`: the command line after the program's name. Resolves to the exit code. */
export async function konnector(args: string[], parts: Parts = {}): Promise<number> {
  try {
    await run(parseConfig(args), parts);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${USAGE}`);
      return 2;
    }
    process.stderr.write(`${JSON.stringify({ level: "fatal", error: String((error as Error).message) })}\n`);
    return 1;
  }
}
