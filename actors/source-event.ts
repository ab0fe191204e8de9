// Tells, by an Event, when `Auto` has moved a Connection from OpenAPI to CRD: what is exported is another set then.
// Rule: docs/reference/behaviour.md, "Schema sources".

import type { Connection } from "../crds/connection.ts";
import { CONNECTIONS, apiVersionOf } from "../crds/resources.ts";
import type { SchemaSource } from "../machines/rules/schema-source.ts";
import type { Engine } from "./engine.ts";

/** `connection`: as it was before its status said `source`. */
export function announceSource(engine: Engine, connection: Connection, source: SchemaSource | null): void {
  const { metadata, spec, status } = connection;
  if (spec.schema.source !== "Auto" || status?.activeSchemaSource !== "OpenAPI" || source !== "CRD") return;
  const subject = {
    apiVersion: apiVersionOf(CONNECTIONS),
    kind: CONNECTIONS.kind,
    name: metadata.name,
    uid: metadata.uid,
  };
  const message =
    "the provider labels definitions now: from here on only those with core.kube-bind.io/exported=true are exported";
  engine.recorder.event(subject, "Normal", "SchemaSourceChanged", message);
}
