// What a binding says about itself and about each of its APIs: its machine's memory turned into conditions. Pure; every
// condition is computed anew each time, so none goes stale. Rules: docs/reference/behaviour.md, "Conditions".

import type { BoundApi } from "../crds/binding.ts";
import { type ConditionUpdate, setCondition } from "../crds/conditions.ts";
import type { Reason } from "../crds/reasons.ts";
import type { ApiVerdict, BindingContext, BindingFact, RelatedVerdict } from "./binding.ts";
import { blockedMessage } from "./rules/blockers.ts";
import { localPermissionDenied, NOTHING_MISSING, permissionDenied, type RightsView } from "./permission-status.ts";

/** The reason of the whole is that of the API which comes first here. */
const WORST_FIRST: readonly Reason[] = [
  "APINotExported",
  "Forbidden",
  "ForeignObjectExists",
  "OwnedByAnother",
  "ConversionWebhook",
  "SchemaRejected",
  "ClusterScopedAPI",
  "InvalidRelatedResource",
  "SelectorRequired",
  "CoveredByClusterBinding",
  "CoveredByBinding",
  "Paused",
  "Pending",
];

const BOUND = 5;
const joined = (parts: string[]): string =>
  parts.slice(0, BOUND).join("; ") + (parts.length > BOUND ? `; and ${parts.length - BOUND} more` : "");

type Verdict = Omit<ConditionUpdate, "type">;

const not = (reason: Reason, message: string): Verdict => ({ status: "False", reason, message });

function ready(context: BindingContext): Verdict {
  const { binding, failed } = context;
  if (binding?.paused) return not(binding.deleting ? "DrainingObjects" : "Paused", pauseMessage(binding));
  if (binding?.deleting) return not("DrainingObjects", failed ?? drainingMessage(context));
  if (failed !== null) return not("Pending", failed);
  return (
    whereabouts(context) ?? (isConnected(context) ? everyApi(context) : not("Pending", connectionMessage(context)))
  );
}

/** The same words for as long as it lasts: of what is paused the status says so, once. */
const pauseMessage = ({ paused, deleting }: BindingFact): string =>
  `Paused: the annotation core.kube-bind.io/paused on ${paused} stops every write, ${deleting ? "its deletion included, " : ""}until that is taken off`;

/** While its objects are not yet with the Connection that it names. */
function whereabouts(context: BindingContext): Verdict | undefined {
  const { stage, through = "", connection = "" } = context.binding ?? {};
  if (stage === "draining") {
    const message = `moving from Connection ${through} to ${connection}, which leads to another provider: ${drainingMessage(context)}`;
    return not("DrainingObjects", message);
  }
  if (stage !== "waiting") return undefined;
  const message = `${connectionMessage(context)}; until it is known where that leads, nothing is written or deleted through Connection ${through} but what is deleted here`;
  return not("Pending", message);
}

const isConnected = ({ connection }: BindingContext): boolean => connection?.ready === true;

const drainingMessage = ({ remaining, blocked, binding }: BindingContext): string =>
  [
    remaining?.message ?? "waiting for the objects to be listed",
    blockedMessage(blocked),
    blockedMessage(blocked) === "" && !remaining?.stuck ? "" : wayOut(binding),
  ]
    .filter((part) => part !== "")
    .join("; ");

/** What an operator can do about what blocks a binding that is being deleted, or has done. */
function wayOut(binding: BindingContext["binding"]): string {
  const { deleting = false, letGoBy = "", drainEnd = "" } = binding ?? {};
  if (!deleting) return "";
  if (letGoBy !== "") return `let go without the provider's word, by ${letGoBy}`;
  const end = drainEnd === "" ? "" : `; at ${drainEnd} --drain-timeout does so`;
  return `the annotation core.kube-bind.io/release: "true" on this binding lets go without the provider's word, and perhaps leaves copies there${end}`;
}

const connectionMessage = ({ connection }: BindingContext): string =>
  connection?.message ?? "the Connection is not known yet";

/** Its related objects beside its APIs, under the name of the field. */
function relatedPart({ related: { problems, unlisted, pending } }: BindingContext): Told[] {
  const name = "relatedResources";
  const [problem] = problems;
  if (unlisted.length > 0) return [{ name, reason: "Forbidden", message: joined(unlisted) }];
  if (problem) return [{ name, reason: problem.reason, message: joined(problems.map(({ message }) => message)) }];
  return pending.length > 0 ? [{ name, reason: "Pending", message: joined(pending) }] : [];
}

type Told = Pick<ApiVerdict, "name" | "reason" | "message">;

function everyApi(context: BindingContext): Verdict {
  const parts: Told[] = [...(context.apis ?? []), ...relatedPart(context)];
  const unready = parts.filter(({ reason }) => reason !== "AsExpected");
  const worst = WORST_FIRST.find((reason) => unready.some((api) => api.reason === reason));
  if (worst === undefined) return { status: "True", reason: "AsExpected", message: "every API is synced" };
  const said = unready.slice(0, BOUND).map((api) => `${api.name}: ${api.message}`);
  const others = unready.slice(BOUND).map((api) => api.name);
  return not(worst, [...said, ...(others.length > 0 ? [`and ${others.join(", ")}`] : [])].join("; "));
}

function synced(whole: Verdict, { binding, blocked, apis = [], related }: BindingContext): Verdict {
  const message = blockedMessage(blocked);
  if (message !== "" && !binding?.deleting && !binding?.paused) return not("DeletionBlocked", message);
  return whole.status === "True" ? syncedObjects(apis, related) : whole;
}

function syncedObjects(apis: ApiVerdict[], related: RelatedVerdict): Verdict {
  const failing = [
    ...apis.filter((api) => api.failing > 0).map((api) => `${api.name}: ${api.failing} object(s)`),
    ...(related.failing.length > 0 ? [`relatedResources: ${joined(related.failing)}`] : []),
  ];
  const paused = apis.reduce((sum, api) => sum + api.paused, 0);
  const taken = [...apis, related].reduce((sum, { conflicts: { foreign, another } }) => sum + foreign + another, 0);
  if (failing.length === 0 && taken > 0) return not("SyncFailed", `${taken} object(s) are in conflict`);
  if (failing.length === 0 && paused > 0) return not("Paused", `${paused} object(s) are paused by an annotation`);
  if (failing.length === 0) return { status: "True", reason: "AsExpected", message: "every object is in sync" };
  return { status: "False", reason: "SyncFailed", message: `not synced, see their Events: ${joined(failing)}` };
}

function conflicts(apis: ApiVerdict[], related: RelatedVerdict): Verdict {
  const count = (parts: readonly Pick<ApiVerdict, "conflicts">[], which: "foreign" | "another") =>
    parts.reduce((total, part) => total + part.conflicts[which], 0);
  const [foreign, another] = [count([...apis, related], "foreign"), count([...apis, related], "another")];
  if (foreign + another === 0) return { status: "False", reason: "AsExpected", message: "no object is in conflict" };
  const beside = related.conflicts.foreign + related.conflicts.another;
  const objects = foreign + another - beside;
  const message = joined([
    ...(objects > 0 ? [`${objects} object(s) carry the annotation core.kube-bind.io/conflict`] : []),
    ...(beside > 0
      ? [`${beside} related object(s) are somebody else's where their copies would be, see the Events`]
      : []),
  ]);
  return { status: "True", reason: foreign > 0 ? "ForeignObjectExists" : "OwnedByAnother", message };
}

/** They stay until somebody who knows decides: absence deletes nothing. */
function orphanedCopies({ orphaned: { count, names } }: BindingContext): Verdict {
  if (count === 0) return { status: "False", reason: "AsExpected", message: "every copy has its object" };
  const more = count > names.length ? ` and ${count - names.length} more` : "";
  const message = `${count} copies on the provider have lost their object here without its having been deleted, and stay: ${names.join("; ")}${more}. Delete on the provider those that are not wanted any more (kubectl delete ${names[0]}), or create the objects again after taking the core.kube-bind.io markers off their copies`;
  return { status: "True", reason: "OrphanedCopies", message };
}

/** What the provider refused for want of a right, in its own words. */
const refusals = (apis: ApiVerdict[]): string[] =>
  apis.flatMap((api) => (api.reason === "Forbidden" ? [...api.denied, api.message] : api.denied));

/** All conditions of a binding, in the order they are shown. */
export function bindingConditions(context: BindingContext, rights: RightsView = NOTHING_MISSING): ConditionUpdate[] {
  const { apis = [], related } = context;
  const connected = context.connection?.ready === true;
  const whole = ready(context);
  return [
    {
      type: "Connected",
      status: connected ? "True" : "False",
      reason: connected ? "AsExpected" : "Pending",
      message: connectionMessage(context),
    },
    { type: "Synced", ...synced(whole, context) },
    { type: "Conflicts", ...conflicts(apis, related) },
    { type: "OrphanedCopies", ...orphanedCopies(context) },
    { type: "PermissionDenied", ...permissionDenied(rights, [...refusals(apis), ...related.denied], connected) },
    localPermissionDenied(rights, [...apis.flatMap((api) => api.deniedHere), ...related.deniedHere]),
    { type: "Ready", ...whole },
  ];
}

/** `status.boundAPIs`, sorted by name; `before` keeps the transition times of what has not changed. */
export function boundApis(apis: ApiVerdict[], before: BoundApi[], generation: number, now: string): BoundApi[] {
  return apis
    .map((api) => {
      const earlier = before.find((entry) => entry.name === api.name)?.conditions;
      const status = api.reason === "AsExpected" ? "True" : "False";
      const { reason, message } = api;
      const count = api.conflicts.foreign + api.conflicts.another;
      return {
        name: api.name,
        ...(api.crdHash === "" ? {} : { crdHash: api.crdHash }),
        ...(count === 0 ? {} : { conflictCount: count }),
        conditions: setCondition(
          earlier,
          { type: "Ready", status, reason, message, observedGeneration: generation },
          now,
        ),
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
