// The konnector's flags: what they are, their defaults, and a clear word for each that is wrong. Flags go before
// environment variables; nothing else configures the process.
// Rule: docs/reference/behaviour.md, "Process".

import { parseArgs } from "node:util";
import * as z from "zod";
import { parseAddress } from "../adapters/http/health.ts";
import { LOG_LEVELS } from "../adapters/telemetry/logs.ts";

/** A wrong command line; `message` names the flag and what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const address = z.string().superRefine((text, context) => {
  try {
    parseAddress(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d{1,9})(ms|s|m|h)$/;

/** "30s", "5m", "500ms", "1h": milliseconds; where `never` is a word for it, that is 0. */
const duration = (least: number, never?: "0") =>
  z.string().transform((text, context) => {
    if (text === never) return 0;
    const [, count = "", unit = "s"] = DURATION.exec(text) ?? [];
    const milliseconds = Number(count) * UNITS[unit as keyof typeof UNITS];
    if (count !== "" && milliseconds >= least) return milliseconds;
    const message = `must be a duration such as 30s or 5m, at least ${least / 1_000}s${never ? `, or ${never} for never` : ""}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });

const DOMAIN_PATTERN = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Domains separated by commas; "*.example.org" is every one below example.org. */
const domains = (what: string) =>
  z.string().transform((text, context) => {
    const names = text.split(",").map((name) => name.trim());
    const wrong = names.find((name) => name !== "" && !DOMAIN_PATTERN.test(name));
    if (wrong !== undefined) context.addIssue({ code: "custom", message: `${wrong} is not ${what}` });
    return new Set(names.filter((name) => name !== ""));
  });

const groups = domains("the name of an API group");

/** A rate below one a second would let every request run out of time. */
const qps = z.string().transform((text, context) => {
  const rate = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
  if (rate === 0 || rate >= 1) return rate;
  context.addIssue({ code: "custom", message: "must be a number of at least 1, or 0 for no cap" });
  return z.NEVER;
});

const positive = z.string().transform((text, context) => {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  context.addIssue({ code: "custom", message: "must be a whole number of at least 1" });
  return z.NEVER;
});

/** More than an API server lets wait of one client would only be refused. */
const inFlight = z.string().transform((text, context) => {
  const count = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : NaN;
  if (count <= 1_000) return count;
  context.addIssue({ code: "custom", message: "must be a whole number from 1 to 1000" });
  return z.NEVER;
});

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const schema = z.object({
  kubeconfig: z.string().optional(),
  namespace: z.string().regex(DNS_LABEL, "must be the name of a namespace").default("kube-bind"),
  "metrics-bind-address": address.default(":8085"),
  "health-probe-bind-address": address.default(":8081"),
  "resync-interval": duration(1_000).prefault("30s"),
  "provider-qps": qps.prefault("0"),
  "provider-burst": positive.prefault("10"),
  "provider-max-in-flight": inFlight.prefault("32"),
  "openapi-exclude-groups": groups.prefault(""),
  "openapi-include-groups": groups.prefault(""),
  "sync-annotations": domains("the prefix of an annotation").prefault(""),
  "delete-empty-namespaces": z.boolean().default(false),
  "allow-unselected-related": z.boolean().default(false),
  "related-system-namespaces": z.boolean().default(false),
  "drain-timeout": duration(1_000, "0").prefault("0"),
  "lease-namespace": z.string().regex(DNS_LABEL, "must be the name of a namespace").default("kube-bind"),
  "lease-duration": duration(3_000).prefault("60s"),
  "allow-http": z.boolean().default(false),
  "allow-insecure-skip-tls-verify": z.boolean().default(false),
  "log-level": z.enum(LOG_LEVELS).default("info"),
});

export type Config = z.infer<typeof schema>;

export const USAGE = `usage: konnector run [flags]

  --kubeconfig FILE                  of the consumer cluster; else KUBECONFIG, the pod's service account, ~/.kube/config
  --namespace NAME                   the namespace that kubeconfig Secrets are read from (default kube-bind)
  --metrics-bind-address ADDRESS     where /metrics is served, 0 for nowhere (default :8085)
  --health-probe-bind-address ADDR   where /healthz and /readyz are served, 0 for nowhere (default :8081)
  --resync-interval DURATION         how often a provider is looked at for what cannot be watched (default 30s)
  --provider-qps NUMBER              requests per second to the provider of each Connection, 0 for no cap (default 0)
  --provider-burst NUMBER            requests that may go at once before --provider-qps counts (default 10)
  --provider-max-in-flight NUMBER    requests with the provider of each Connection at a time, 1 to 1000 (default 32)
  --openapi-exclude-groups GROUPS    API groups that source OpenAPI leaves out, with commas; *.example.org for all below
  --openapi-include-groups GROUPS    groups in k8s.io, kcp.io, kube-bind.io that providers may deliver all the same
  --sync-annotations PREFIXES        annotations that travel with an object, by their prefixes, with commas (default none)
  --delete-empty-namespaces          namespaces that copies brought to a provider go with the last of them, if they are empty
  --allow-unselected-related         a ClusterBinding may send every Secret or ConfigMap of this cluster to its provider
  --related-system-namespaces        relatedResources may mean objects in kube-system, kube-public and kube-node-lease
  --drain-timeout DURATION           how long a binding's drain waits for its provider, 0 for ever (default 0)
  --lease-namespace NAME             the namespace on each provider that holds our heartbeat Lease (default kube-bind)
  --lease-duration DURATION          for how long a Lease is good; it is renewed three times as often (default 60s)
  --allow-http                       kubeconfigs of providers may lead to an http server: credentials are sent in the clear
  --allow-insecure-skip-tls-verify   kubeconfigs of providers may ask not to check the server's certificate
  --log-level LEVEL                  ${LOG_LEVELS.join(", ")} (default info)
`;

const SWITCHES: ReadonlySet<string> = new Set([
  "allow-unselected-related",
  "related-system-namespaces",
  "allow-http",
  "allow-insecure-skip-tls-verify",
  "delete-empty-namespaces",
] satisfies (keyof Config)[]);

const options = Object.fromEntries(
  Object.keys(schema.shape).map((flag) => [
    flag,
    { type: SWITCHES.has(flag) ? ("boolean" as const) : ("string" as const) },
  ]),
);

function read(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Throws UsageError. `args`: what follows the program's name. */
export function parseConfig(args: string[]): Config {
  const { values, positionals } = read(args);
  if (positionals.length !== 1 || positionals[0] !== "run") {
    throw new UsageError(positionals.length === 0 ? "no command given" : `unknown command ${positionals.join(" ")}`);
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `--${issue.path.join(".")}: ${issue.message}`);
  throw new UsageError(issues.join("\n"));
}
