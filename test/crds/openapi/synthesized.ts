// The definition made of a document, for an API that is only known from it.

import type { Crd } from "../../../crds/definition-object.ts";
import type { JsonObject } from "../../../crds/json.ts";
import type { DiscoveredResource } from "../../../crds/openapi/discovered.ts";
import { exportableApis } from "../../../crds/openapi/exportable.ts";
import { synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { group } from "./discovery.ts";

/** Of zoos.zoo.example.org, unless told otherwise; it must come to one. */
export const synthesized = (document: unknown, resource: Partial<DiscoveredResource> = {}): Crd => {
  const named = { resource: "zoos", singular: "zoo", kind: "Zoo", ...resource };
  const [api] = exportableApis([group("zoo.example.org", named)], () => false);
  const crd = api === undefined ? undefined : synthesizeCrd(api, document);
  if (crd === undefined) throw new Error("no definition");
  return crd;
};

/** The schema of a definition's only version. */
export const rootOf = (crd: Crd): JsonObject => {
  const [version] = crd.spec.versions;
  return (version?.["schema"] as { openAPIV3Schema: JsonObject }).openAPIV3Schema;
};
