// The objects of the mass type, made up from a few numbers: where an object is, what it is called, and the text that an API
// server would send of it, with a spec of about 1 KB and the managedFields that real ones carry. A spec follows from the object's
// number and its edit, so whoever gets one back can tell whether a single character of it was lost.

import { ANNOTATION, FIELD_MANAGER, FINALIZER, LABEL } from "../../crds/labels.ts";
import { apiVersionOf } from "../../crds/resources.ts";
import { typeOf } from "../../test/e2e/manifests.ts";

export const MASS = typeOf("widget");
/** As many at any size, so that what is done for each object of a namespace shows, too. */
export const ROOMS = 10;

export const CLUSTER_UID = {
  consumer: "c0000000-0000-4000-8000-000000000000",
  provider: "d0000000-0000-4000-8000-000000000000",
} as const;
export type SideName = keyof typeof CLUSTER_UID;

const PREFIX = "object-";
const DIGITS = 7;
const CREATED = "2026-01-01T00:00:00Z";

export const roomOf = (slot: number): string => `room-${slot % ROOMS}`;
export const nameOf = (slot: number): string => PREFIX + String(slot).padStart(DIGITS, "0");
export const slotOf = (name: string): number => Number(name.slice(PREFIX.length));
export const uidOf = (side: SideName, slot: number): string =>
  `${side === "consumer" ? "a" : "b"}0000000-0000-4000-8000-${slot.toString(16).padStart(12, "0")}`;

const FILLER =
  "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor invidunt ut labore.";
const parts = (slot: number): string =>
  Array.from({ length: 6 }, (_, part) => `{"name":"part-${slot}-${part}","weight":${part + 1}}`).join(",");

/** As the API server of either side writes it, and as it has to come from one to the other. */
export const specText = (slot: number, edit: number): string =>
  `{"any":{"first":"${slot}: ${FILLER}","second":"${FILLER}","third":"${FILLER}","fourth":"${FILLER}","edit":"${edit}"},"color":"blue","count":${edit},"parts":[${parts(slot)}],"size":"${edit} small"}`;

export const statusText = (turn: number, generation: number): string =>
  `{"phase":"Turn ${turn}","observedGeneration":${generation},"conditions":[{"type":"Ready","status":"True","reason":"Done","message":"turn ${turn} is done","observedGeneration":${generation},"lastTransitionTime":"${CREATED}"}]}`;

const fields = (names: readonly string[]): Record<string, object> =>
  Object.fromEntries(names.map((name) => [`f:${name}`, {}]));

const specFields = {
  "f:spec": {
    "f:any": { ".": {}, ...fields(["edit", "first", "fourth", "second", "third"]) },
    ...fields(["color", "count", "parts", "size"]),
  },
};

const entry = (manager: string, operation: string, fieldsV1: object): object => ({
  manager,
  operation,
  apiVersion: apiVersionOf(MASS),
  time: CREATED,
  fieldsType: "FieldsV1",
  fieldsV1,
});

const finalizerFields = { "f:metadata": { "f:finalizers": { ".": {}, [`v:"${FINALIZER.syncer}"`]: {} } } };
const USERS = JSON.stringify(entry("kubectl-client-side-apply", "Update", specFields));
const OURS = JSON.stringify(entry("konnector", "Update", finalizerFields));
const APPLIED = JSON.stringify(
  entry(FIELD_MANAGER, "Apply", {
    "f:metadata": {
      "f:annotations": fields([ANNOTATION.consumerClusterUid, ANNOTATION.consumerObjectUid]),
      "f:labels": fields(["app", LABEL.consumerClusterUid, LABEL.managed]),
    },
    ...specFields,
  }),
);

/** What is known of one object. */
export interface Numbers {
  slot: number;
  version: number;
  generation: number;
  edit: number;
  /** 0: none. */
  status: number;
  observed: number;
  claimed: boolean;
  deleting: boolean;
}

const LABELS = { app: "shop" };
const COPY_LABELS = { ...LABELS, [LABEL.managed]: "true", [LABEL.consumerClusterUid]: CLUSTER_UID.consumer };
/** Whose these labels are, where that is asked for. */
export const labelsOf = (side: SideName): Record<string, string> => (side === "consumer" ? LABELS : COPY_LABELS);

const HEAD = `{"apiVersion":"${apiVersionOf(MASS)}","kind":"${MASS.kind}","metadata":{"name":"`;
const CONSUMER_META = `,"creationTimestamp":"${CREATED}","labels":${JSON.stringify(LABELS)}`;
const COPY_META = `,"creationTimestamp":"${CREATED}","labels":${JSON.stringify(COPY_LABELS)},"annotations":{"${ANNOTATION.consumerClusterUid}":"${CLUSTER_UID.consumer}","${ANNOTATION.consumerObjectUid}":"`;

const LEAVING = `,"deletionTimestamp":"${CREATED}","deletionGracePeriodSeconds":0`;
const CLAIM = `,"finalizers":["${FINALIZER.syncer}"]`;
const ofConsumer = ({ claimed, deleting }: Numbers): string =>
  `${CONSUMER_META}${deleting ? LEAVING : ""}${claimed ? CLAIM : ""},"managedFields":[${USERS}${claimed ? `,${OURS}` : ""}]},"spec":`;

export function objectText(side: SideName, numbers: Numbers): string {
  const { slot, version, generation, edit, status, observed } = numbers;
  const head = `${HEAD}${nameOf(slot)}","namespace":"${roomOf(slot)}","uid":"${uidOf(side, slot)}","resourceVersion":"${version}","generation":${generation}`;
  const rest =
    side === "consumer"
      ? ofConsumer(numbers)
      : `${COPY_META}${uidOf("consumer", slot)}"},"managedFields":[${APPLIED}]},"spec":`;
  return `${head}${rest}${specText(slot, edit)}${status === 0 ? "" : `,"status":${statusText(status, observed)}`}}`;
}
