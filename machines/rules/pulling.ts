// Which APIs a Connection's policy brings to this cluster whether or not a binding lists them. Pure.
// Rule: docs/reference/behaviour.md, "Schema pull".

import type { Connection } from "../../crds/connection.ts";
import { type ApiName, isDeleting } from "../../crds/kube-object.ts";

/** Every exported API is installed: with pullPolicy All, and with source OpenAPI unless it is None. */
export const pullsEverything = ({ spec: { schema } }: Connection): boolean =>
  schema.pullPolicy === "All" || (schema.source === "OpenAPI" && schema.pullPolicy !== "None");

/** Is the API to be installed on behalf of this Connection itself? Judged by the exports that its status shows. */
export const wantsEagerly = (connection: Connection, api: ApiName): boolean =>
  !isDeleting(connection) &&
  pullsEverything(connection) &&
  (connection.status?.exportedAPIs ?? []).some(({ name }) => name === api);
