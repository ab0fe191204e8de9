// What the API servers of a landscape write down: every request but an admin's reads, and for writes to our own kinds and to instances also
// what was asked and answered, because some invariants are about what a write carried.

import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";

import type { AuditEvent } from "../harness/audit-log.ts";
import { guardedDir } from "../harness/process-guard.ts";
import { GROUP } from "./manifests.ts";

/** An audit event of a write to our own kinds or to an instance. */
export interface Write extends AuditEvent {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- bodies of any kind
  requestObject?: any;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- bodies of any kind
  responseObject?: any;
}

const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    // Tests look again and again until something has happened.
    { level: "None", userGroups: ["system:masters"], verbs: ["get", "list", "watch"] },
    {
      level: "RequestResponse",
      verbs: ["create", "update", "patch", "delete"],
      resources: [{ group: GROUP }, { group: "core.kube-bind.io" }],
      omitManagedFields: true,
    },
    { level: "Metadata" },
  ],
};

/** The flag that puts this policy in the place of the harness's own. */
export async function auditPolicyFlag(): Promise<Record<string, string>> {
  const file = path.join(guardedDir(), `audit-policy-${randomUUID()}.json`);
  await writeFile(file, JSON.stringify(POLICY));
  return { "audit-policy-file": file };
}
