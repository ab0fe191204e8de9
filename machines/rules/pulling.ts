// Which APIs a Connection's policy brings to this cluster whether or not a binding lists them. Pure.
// Rule: docs/reference/behaviour.md, "Schema pull".

import type { Connection } from "../../crds/connection.ts";
import { isDeleting } from "../../crds/kube-object.ts";

/** Every exported API is installed: with pullPolicy All, and with source OpenAPI unless it is None. */
export const pullsEverything = (connection: Connection): boolean => {
  const { pullPolicy, source } = connection.spec.schema;
  if (isDeleting(connection)) return false;
  return pullPolicy === "All" || (source === "OpenAPI" && pullPolicy !== "None");
};
