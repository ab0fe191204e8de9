// Which binding governs an object, and whether it is to be drained because its last one is going. Pure; unknown facts
// never reach it (callers wait for complete lists). Rule: docs/reference/behaviour.md, "Governing binding".

import type { ApiName } from "../../crds/kube-object.ts";

/** A binding reduced to what governs. */
export interface BindingView {
  kind: "ClusterBinding" | "Binding";
  /** The Connection it names. */
  connection: string;
  /** "" for a ClusterBinding. */
  namespace: string;
  name: string;
  /** ISO time of creation. */
  created: string;
  /** Carries our finalizer; without it nothing is done for it yet. */
  claimed: boolean;
  deleting: boolean;
  /** It is being deleted, and an operator wants its objects let go of without the provider's word. */
  letGo: boolean;
  /** What stops every write for it, itself or its Connection, to be named in a message; "" for nothing. */
  paused: string;
  adopt: boolean;
  /** APIs it lists. */
  apis: readonly ApiName[];
  /** APIs that its status names: what is not written down there would not be drained if it were taken out. */
  recorded: readonly ApiName[];
  /** APIs it listed and has not let go of yet. */
  leaving: readonly ApiName[];
}

const covers = (binding: BindingView, namespace: string): boolean =>
  binding.kind === "ClusterBinding" || (namespace !== "" && binding.namespace === namespace);

const isWritten = (binding: BindingView, api: ApiName): boolean => binding.claimed && binding.recorded.includes(api);

const isLive = (binding: BindingView, api: ApiName): boolean =>
  isWritten(binding, api) && !binding.deleting && binding.apis.includes(api);

/**
 * It will be live as soon as it carries our finalizer and its status names the API: until then nothing is done for it, and
 * nothing against it.
 */
const isComing = (binding: BindingView, api: ApiName): boolean =>
  !isWritten(binding, api) && !binding.deleting && binding.apis.includes(api);

const isLeaving = (binding: BindingView, api: ApiName): boolean =>
  binding.claimed && (binding.leaving.includes(api) || (binding.deleting && binding.apis.includes(api)));

/** ClusterBindings before Bindings; the oldest first; then by name. */
const precedence = (a: BindingView, b: BindingView): number => {
  if (a.kind !== b.kind) return a.kind === "ClusterBinding" ? -1 : 1;
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.name < b.name ? -1 : 1;
};

/** The binding that governs objects of `api` in `namespace`, among bindings that lead to one provider. */
export const governing = (bindings: readonly BindingView[], api: ApiName, namespace: string): BindingView | undefined =>
  bindings.filter((binding) => isLive(binding, api) && covers(binding, namespace)).sort(precedence)[0];

export interface Ruled {
  mode: "sync" | "drain" | "held";
  adopt: boolean;
  /** What stops every write for them, to be named in a message; "" for nothing. */
  paused: string;
  /** Without the provider's word: each of the bindings that go says so. */
  letGo?: true;
  /** The Connection of the binding that decides; absent where none does. */
  through?: string;
}

/** What bindings that lead to one provider mean for objects of `api` in `namespace`. */
export function rule(bindings: readonly BindingView[], api: ApiName, namespace: string): Ruled {
  const binding = governing(bindings, api, namespace);
  if (binding) return { mode: "sync", adopt: binding.adopt, paused: binding.paused, through: binding.connection };
  const concerned = bindings.filter((one) => covers(one, namespace));
  const leaving = concerned.filter((one) => isLeaving(one, api)).sort(precedence);
  const [first] = leaving;
  // What one that is paused still holds is not taken away by another that goes as well.
  const paused = leaving.find((one) => one.paused !== "")?.paused ?? "";
  const draining = first !== undefined && !concerned.some((one) => isComing(one, api));
  return draining
    ? { mode: "drain", adopt: false, paused, through: first.connection, ...(isLetGo(leaving) ? { letGo: true } : {}) }
    : { mode: "held", adopt: false, paused };
}

/** What one that waits for the provider still holds is not let go of by another; one that stays is not asked. */
function isLetGo(leaving: readonly BindingView[]): boolean {
  const going = leaving.filter(({ deleting }) => deleting);
  return going.length > 0 && going.every(({ letGo }) => letGo);
}

/** How many bindings of one Connection want `api` here, and how many wait to be rid of it. */
export function demandFor(bindings: readonly BindingView[], api: ApiName, clusterScoped: boolean) {
  const able = bindings.filter((binding) => !(clusterScoped && binding.kind === "Binding"));
  const wanting = able.filter((binding) => isLive(binding, api));
  const leaving = able.filter((binding) => isLeaving(binding, api));
  const coming = able.filter((binding) => isComing(binding, api)).length;
  const live = wanting.length;
  const isPaused = ({ paused }: BindingView) => paused !== "";
  const takesCrd =
    live + coming === 0 && leaving.some((binding) => binding.deleting && binding.kind === "ClusterBinding");
  return {
    live,
    coming,
    draining: leaving.length,
    takesCrd: takesCrd && !leaving.some(isPaused),
    paused: live > 0 && deciding(wanting).every(isPaused),
  };
}

/** Those of them that govern anything: the first ClusterBinding everywhere, else each Binding, as far as can be told, its namespace. */
function deciding(wanting: readonly BindingView[]): readonly BindingView[] {
  const [first] = [...wanting].sort(precedence);
  return first?.kind === "ClusterBinding" ? [first] : wanting;
}
