// Keeps what a divergence is explained with, in a directory that outlives the run: the history and what was answered to each of
// its acts, the konnector's requests and the faults they met, both audit logs, its Events and its log, and the objects.

import { mkdtempSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { EVENTS } from "../../crds/resources.ts";
import { type Outcome } from "./batch.ts";
import { type Stage, TYPES } from "./stage.ts";
import { tell } from "./step.ts";

const SIDES = ["consumer", "provider"] as const;

const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");

/** Answers the directory. */
export async function keepEvidence(stage: Stage, { play, problems }: Outcome): Promise<string> {
  const { history, namespace, deeds } = play;
  const dir = mkdtempSync(path.join(os.tmpdir(), `history-${history.seed}-`));
  const keep = (name: string, text: string) => writeFileSync(path.join(dir, name), text);
  const acts = deeds.map(({ round, step, status, body }) => ({ round, step, status, says: body?.message, body }));
  const named = (line: string) => line.includes(namespace);
  keep("history.txt", `${tell(history)}\n\n${problems.join("\n")}\n\n${lines(acts)}`);
  const requests = SIDES.flatMap((side) => stage.faulty[side].lines).filter(named);
  keep("requests.log", requests.sort().join("\n"));
  keep("konnector.log", stage.log().filter(named).join("\n"));
  for (const side of SIDES) {
    const { objects, plane } = stage.sides[side];
    const audited = (await plane.auditEvents()).filter(({ requestURI }) => named(requestURI));
    keep(`audit-${side}.jsonl`, lines(audited));
    keep(`objects-${side}.jsonl`, lines(await objects.list(TYPES[history.setting], namespace)));
  }
  keep("events.jsonl", lines(await stage.sides.consumer.objects.list(EVENTS, namespace)));
  return dir;
}
