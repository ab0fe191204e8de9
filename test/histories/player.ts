// Does what a history says, as people and controllers would do it, straight at the API servers and not through what fails.
// An act that finds nothing to act on, or is refused, is no failure: what was answered is kept, and the oracle reads it.

import type { Resource } from "../../crds/kube-object.ts";
import { BINDINGS, NAMESPACES } from "../../crds/resources.ts";
import type { Answer } from "../harness/admin-client.ts";
import { apiName, instance } from "../e2e/manifests.ts";
import { pathOf, type Body } from "../e2e/objects.ts";
import type { Deed } from "./deed.ts";
import { ownBinding, SPARE, type Stage, TYPES } from "./stage.ts";
import { type History, ROUNDS, type SideName, type Step } from "./step.ts";

const MERGE = "application/merge-patch+json";
const HOLD = "example.org/hold";
const MARKS = "core.kube-bind.io";
const NOTHING: Answer = { status: 0, body: undefined, text: "" };

/** A history at play, in a namespace of its own. */
export interface Play {
  history: History;
  namespace: string;
  deeds: Deed[];
}

interface Hand {
  stage: Stage;
  type: Resource;
  namespace: string;
}

type Act<Name extends Step["do"]> = (hand: Hand, step: Extract<Step, { do: Name }>) => Promise<Answer>;

const ask = ({ stage }: Hand, side: SideName, method: string, path: string, body?: unknown, type?: string) =>
  stage.sides[side].plane.admin.request(method, path, body, type);

const place = ({ type, namespace }: Hand, name: string) => pathOf(type, namespace, name);

const merge = (hand: Hand, side: SideName, name: string, patch: unknown, subresource = "") =>
  ask(hand, side, "PATCH", `${place(hand, name)}${subresource}`, patch, MERGE);

const make = (hand: Hand, side: SideName, name: string, spec: Body, metadata: Body) => {
  const body = instance(hand.type, name, hand.namespace, spec);
  const whole = { ...body, metadata: { ...body.metadata, ...metadata } };
  return ask(hand, side, "POST", pathOf(hand.type, hand.namespace), whole);
};

const remove = (hand: Hand, side: SideName, name: string) =>
  ask(hand, side, "DELETE", place(hand, name), { propagationPolicy: "Background" });

/** Changes the finalizers of the state that was read, or nothing. */
async function finalizers(hand: Hand, side: SideName, name: string, alter: (all: string[]) => string[]) {
  const { status, body } = await ask(hand, side, "GET", place(hand, name));
  if (status !== 200) return NOTHING;
  const { resourceVersion, finalizers: before = [] } = body.metadata;
  const after = alter(before);
  if (after.length === before.length) return NOTHING;
  return merge(hand, side, name, { metadata: { resourceVersion, finalizers: after } });
}

const lift = (hand: Hand, side: SideName, name: string): Promise<Answer> =>
  finalizers(hand, side, name, (all) => all.filter((one) => one !== HOLD));

const binding = (hand: Hand) => pathOf(BINDINGS, hand.namespace, "own");
const bindingSpec = (hand: Hand, spec: unknown) => ask(hand, "consumer", "PATCH", binding(hand), { spec }, MERGE);

const report: Act<"report"> = async (hand, { name, phase, observed }) => {
  const { status, body } = await ask(hand, "provider", "GET", place(hand, name));
  if (status !== 200) return NOTHING;
  const { generation } = body.metadata;
  const said = observed === "no" ? {} : { observedGeneration: observed === "now" ? generation : generation - 1 };
  const ready = {
    type: "Ready",
    status: "True",
    reason: phase,
    message: "",
    lastTransitionTime: "2030-01-01T00:00:00Z",
  };
  const next = { phase, observedGeneration: null, conditions: [{ ...ready, ...said }], ...said };
  return merge(hand, "provider", name, { status: next }, statusOf(hand));
};

const statusOf = ({ type }: Hand): string => (type === TYPES.plain ? "" : "/status");

const ACTS: { [Name in Step["do"]]: Act<Name> } = {
  create: (hand, { name, spec, labels }) => make(hand, "consumer", name, spec, { labels }),
  edit: (hand, { name, spec }) => merge(hand, "consumer", name, { spec }),
  label: (hand, { name, value }) => merge(hand, "consumer", name, { metadata: { labels: { tier: value } } }),
  delete: (hand, { name }) => remove(hand, "consumer", name),
  orphan: (hand, { name, on }) =>
    merge(hand, "consumer", name, {
      metadata: { annotations: { [`${MARKS}/deletion-policy`]: on ? "Orphan" : null } },
    }),
  pause: (hand, { name, on }) => merge(hand, "consumer", name, paused(on)),
  force: (hand, { name }) => merge(hand, "consumer", name, { metadata: { finalizers: null } }),
  hold: (hand, { side, name }) => finalizers(hand, side, name, (all) => [...new Set([HOLD, ...all])]),
  lift: (hand, { side, name }) => lift(hand, side, name),
  report,
  hush: (hand, { name }) => merge(hand, "provider", name, { status: null }, statusOf(hand)),
  drift: (hand, { name, spec }) => merge(hand, "provider", name, { spec }),
  add: (hand, { name, value }) =>
    merge(hand, "provider", name, {
      spec: { any: { theirs: value } },
      metadata: { labels: { theirs: `v${value}` } },
    }),
  unlabel: (hand, { name }) =>
    merge(hand, "provider", name, { metadata: { labels: { [`${MARKS}/consumer-cluster-uid`]: null } } }),
  disown: (hand, { name }) => {
    const marks = { [`${MARKS}/consumer-cluster-uid`]: null, [`${MARKS}/consumer-object-uid`]: null };
    return merge(hand, "provider", name, { metadata: { annotations: marks } });
  },
  remove: (hand, { name }) => remove(hand, "provider", name),
  occupy: (hand, { name, spec, marked }) => {
    const marks = { [`${MARKS}/consumer-cluster-uid`]: "other", [`${MARKS}/consumer-object-uid`]: "other" };
    return make(hand, "provider", name, spec, marked ? { annotations: marks } : {});
  },
  bind: (hand, { policy }) =>
    ask(hand, "consumer", "POST", pathOf(BINDINGS, hand.namespace), ownBinding(hand.namespace, policy)),
  unbind: (hand) => ask(hand, "consumer", "DELETE", binding(hand), { propagationPolicy: "Background" }),
  suspend: (hand, { on }) => ask(hand, "consumer", "PATCH", binding(hand), paused(on), MERGE),
  via: (hand, { connection }) => bindingSpec(hand, { connectionRef: { name: connection } }),
  policy: (hand, { policy }) => bindingSpec(hand, { conflictPolicy: policy }),
  list: (hand, { on }) => bindingSpec(hand, { apis: [{ name: apiName(on ? hand.type : SPARE) }] }),
};

const paused = (on: boolean) => ({ metadata: { annotations: { [`${MARKS}/paused`]: on ? "true" : null } } });

const handOf = (stage: Stage, { history, namespace }: Play): Hand => ({
  stage,
  type: TYPES[history.setting],
  namespace,
});

/** The namespaces, of which the provider's may be left to the konnector to bring. */
export async function openRoom({ sides }: Stage, { namespace, history }: Play): Promise<void> {
  const body = { metadata: { name: namespace } };
  await sides.consumer.objects.create(NAMESPACES, body);
  if (!history.brought) await sides.provider.objects.create(NAMESPACES, body);
}

async function act(stage: Stage, play: Play, round: number, step: Step): Promise<void> {
  const { status, body } = await (ACTS[step.do] as unknown as Act<"hush">)(handOf(stage, play), step as never);
  play.deeds.push({ round, step, status, body });
}

/** Does the steps of that round, one after the other. */
export async function playRound(stage: Stage, play: Play, round: number): Promise<void> {
  for (const { step } of play.history.steps.filter((one) => one.round === round)) await act(stage, play, round, step);
}

const isPaused = ({ metadata }: Body): boolean => metadata.annotations?.[`${MARKS}/paused`] !== undefined;

/** Whoever holds objects on either side lets go of all of them, and nothing is paused any more. */
export async function liftAll(stage: Stage, play: Play, objects: Record<SideName, Body[]>, own: Body): Promise<void> {
  const steps = (["consumer", "provider"] as const).flatMap((side) =>
    objects[side].flatMap((object): Step[] => {
      const { name, finalizers } = object.metadata;
      return [
        ...(finalizers?.includes(HOLD) ? [{ do: "lift", name, side } as const] : []),
        ...(side === "consumer" && isPaused(object) ? [{ do: "pause", name, on: false } as const] : []),
      ];
    }),
  );
  if (own && isPaused(own)) steps.push({ do: "suspend", on: false });
  for (const step of steps) await act(stage, play, ROUNDS, step);
}
