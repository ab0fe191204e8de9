// An admission policy of the consumer that refuses some definitions, as a server of another release would refuse a schema
// that it cannot take.

import type { Resource } from "../../crds/kube-object.ts";
import { CRDS } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { kubectlAt, type Landscape, PATIENCE } from "./landscape.ts";
import { apiDefinition, apiName, documents } from "./manifests.ts";
import { type Body, pathOf } from "./objects.ts";

export interface Refusal {
  /** CEL over `object`, the definition: what must hold for it to be taken. */
  expression: string;
  message: string;
}

const policy = (validations: Refusal[]): Body[] => [
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "picky" },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ["apiextensions.k8s.io"],
            apiVersions: ["v1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["customresourcedefinitions"],
          },
        ],
      },
      validations,
    },
  },
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "picky" },
    spec: { policyName: "picky", validationActions: ["Deny"] },
  },
];

export const nameIsNot = (type: Resource, message: string): Refusal => ({
  expression: `object.metadata.name != '${apiName(type)}'`,
  message,
});

/** Until the consumer would answer so to the definition: a policy comes into force, and out of it, with a delay. */
const answered = ({ consumer }: Landscape, type: Resource, status: number): Promise<unknown> =>
  eventually(
    `a definition ${apiName(type)} to be answered with ${status}`,
    async () => {
      const answer = await consumer.plane.admin.request("POST", `${pathOf(CRDS, "")}?dryRun=All`, apiDefinition(type));
      return answer.status === status;
    },
    PATIENCE,
  );

/** Puts the policy in force; `type` is one that it refuses by its name. */
export async function beginRefusing(land: Landscape, type: Resource, refusals: Refusal[]): Promise<void> {
  await kubectlAt(land.consumer, ["apply", "-f", "-"], documents(...policy(refusals)));
  await answered(land, type, 422);
}

export async function endRefusing(land: Landscape, type: Resource): Promise<void> {
  await kubectlAt(land.consumer, ["delete", "-f", "-"], documents(...policy([])));
  await answered(land, type, 201);
}
