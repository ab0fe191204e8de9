// What an API server says it was asked: the audit log at Metadata level, the ground truth of every claim about the number
// and the kind of requests the konnector sends.

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

export interface AuditEvent {
  auditID: string;
  stage: "ResponseStarted" | "ResponseComplete" | "Panic";
  verb: string;
  requestURI: string;
  userAgent?: string;
  /** Empty for a request whose credential was refused. */
  user: { username?: string; groups?: string[] };
  objectRef?: {
    apiGroup?: string;
    apiVersion?: string;
    resource?: string;
    subresource?: string;
    namespace?: string;
    name?: string;
  };
  responseStatus?: { code: number; reason?: string };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
}

/** A request is one line when it is answered; only a long-running one (a watch) has a line when it starts, too. */
const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
};

const logFile = (dir: string) => path.join(dir, "audit.log");

/** Writes the policy into `dir` and returns the flags that make the API server log there. */
export async function auditFlags(dir: string): Promise<Record<string, string>> {
  const policy = path.join(dir, "audit-policy.json");
  await writeFile(policy, JSON.stringify(POLICY));
  return {
    "audit-policy-file": policy,
    "audit-log-path": logFile(dir),
    "audit-log-format": "json",
    "audit-log-mode": "blocking",
    "audit-log-maxsize": "10000",
  };
}

/** The whole log so far; a line that is still being written is left out. */
export async function readAudit(dir: string): Promise<AuditEvent[]> {
  const text = await readFile(logFile(dir), "utf8").catch(() => "");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent);
}
