// The konnector's flags: what they are, their defaults, and a clear word for each that is wrong. Flags go before
// environment variables; nothing else configures the process.
// Rule: docs/reference/behaviour.md, "Process".

import { parseArgs } from "node:util";
import { z } from "zod";
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

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const schema = z.object({
  kubeconfig: z.string().optional(),
  namespace: z.string().regex(DNS_LABEL, "must be the name of a namespace").default("kube-bind"),
  "metrics-bind-address": address.default(":8085"),
  "health-probe-bind-address": address.default(":8081"),
  "log-level": z.enum(LOG_LEVELS).default("info"),
});

export type Config = z.infer<typeof schema>;

export const USAGE = `usage: konnector run [flags]

  --kubeconfig FILE                  of the consumer cluster; else KUBECONFIG, the pod's service account, ~/.kube/config
  --namespace NAME                   the namespace that kubeconfig Secrets are read from (default kube-bind)
  --metrics-bind-address ADDRESS     where /metrics is served, 0 for nowhere (default :8085)
  --health-probe-bind-address ADDR   where /healthz and /readyz are served, 0 for nowhere (default :8081)
  --log-level LEVEL                  ${LOG_LEVELS.join(", ")} (default info)
`;

const strings = Object.fromEntries(Object.keys(schema.shape).map((flag) => [flag, { type: "string" as const }]));

function read(args: string[]) {
  try {
    return parseArgs({ args, options: strings, allowPositionals: true, strict: true });
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
