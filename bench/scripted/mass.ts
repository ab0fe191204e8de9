// The mass type of one side of the scripted API server: some numbers for each object, so that a million fit, and the writes that
// a konnector makes of it. What it would have to keep it checks instead: a copy must carry the very spec of its object, and its
// marks. Fakes: no admission, no schema, no fields of anybody else's; a deleted object never comes back.

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import type { JsonObject } from "../../crds/json.ts";
import { apiVersionOf } from "../../crds/resources.ts";
import {
  CLUSTER_UID,
  labelsOf,
  MASS,
  nameOf,
  type Numbers,
  objectText,
  roomOf,
  type SideName,
  specText,
  statusText,
  uidOf,
} from "./bodies.ts";
import {
  type Answer,
  type Collection,
  conflict,
  invalid,
  type Ledger,
  notFound,
  type Scope,
  success,
  unscripted,
} from "./collection.ts";

interface Operation {
  op: string;
  path: string;
  value?: unknown;
}

interface Applied {
  metadata: { uid?: string; resourceVersion?: string; labels: JsonObject; annotations: JsonObject };
  spec: { count: number };
}

interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

const [CLAIMED, DELETING, GONE] = [1, 2, 4];

export interface Mass extends Collection {
  /** All of them, at once and without events: they were there before anybody looked. `synced`: and a konnector before us. */
  fill(synced?: boolean): void;
  get(slot: number): Answer;
  patch(slot: number, operations: readonly Operation[]): Answer;
  apply(slot: number, body: Applied): Answer;
  delete(slot: number, preconditions: Preconditions): Answer;
  /** What a user does to its spec, or a controller to its status. */
  edit(slot: number): void;
  advance(slot: number): void;
  /** Objects that are there, carry our finalizer, show that edit at least, that status at least. */
  count(): { present: number; claimed: number };
  editOf(slot: number): number;
  turnOf(slot: number): number;
}

export function createMass(side: SideName, size: number, ledger: Ledger): Mass {
  const [versions, created] = [new Float64Array(size), new Float64Array(size)];
  const [edits, turns] = [new Uint32Array(size), new Uint32Array(size)];
  const [generations, observed] = [new Uint32Array(size), new Uint32Array(size)];
  const flags = new Uint8Array(size);
  let [present, claimed] = [0, 0];
  const at = (numbers: { readonly [slot: number]: number }, slot: number): number => numbers[slot] ?? 0;
  const has = (slot: number, flag: number): boolean => (at(flags, slot) & flag) !== 0;
  const isThere = (slot: number): boolean => at(versions, slot) > 0 && !has(slot, GONE);

  const numbersOf = (slot: number): Numbers => ({
    slot,
    version: at(versions, slot),
    generation: at(generations, slot),
    edit: at(edits, slot),
    status: at(turns, slot),
    observed: at(observed, slot),
    claimed: has(slot, CLAIMED),
    deleting: has(slot, DELETING),
  });
  const text = (slot: number): string => objectText(side, numbersOf(slot));
  const answer = (slot: number, status = 200): Answer => ({ status, text: text(slot) });

  const changed = (slot: number): void => {
    versions[slot] = ++ledger.version;
    ledger.changed(mass, slot);
  };
  const create = (slot: number, edit: number): void => {
    versions[slot] = created[slot] = ++ledger.version;
    generations[slot] = 1;
    edits[slot] = edit;
    present++;
  };
  const remove = (slot: number): void => {
    flags[slot] = at(flags, slot) | GONE;
    present--;
  };
  /** The deletion of what is held is a new generation of it. */
  const leave = (slot: number): void => {
    if (has(slot, DELETING)) return;
    flags[slot] = at(flags, slot) | DELETING;
    generations[slot] = at(generations, slot) + 1;
  };
  const claim = (slot: number, is: boolean): void => {
    if (is === has(slot, CLAIMED)) return;
    flags[slot] = at(flags, slot) ^ CLAIMED;
    claimed += is ? 1 : -1;
  };

  const mustBeThere = (slot: number): void => {
    if (!isThere(slot)) throw notFound(`${MASS.resource}.${MASS.group} "${nameOf(slot)}" not found`);
  };
  const isState = (slot: number, { uid, resourceVersion }: Preconditions): boolean =>
    (uid === undefined || uid === uidOf(side, slot)) &&
    (resourceVersion === undefined || resourceVersion === String(at(versions, slot)));

  const test = (slot: number, { path, value }: Operation): void => {
    const known = {
      "/metadata/uid": uidOf(side, slot),
      "/metadata/resourceVersion": String(at(versions, slot)),
      "/metadata/finalizers/0": has(slot, CLAIMED) ? FINALIZER.syncer : undefined,
    }[path];
    if (value !== known) throw invalid("the server rejected our request due to an error in our request");
  };

  const putStatus = (slot: number, value: unknown): void => {
    const turn = Number(/"phase":"Turn (\d+)"/.exec(JSON.stringify(value))?.[1]);
    const generation = (value as { observedGeneration: number }).observedGeneration;
    if (JSON.stringify(value) !== statusText(turn, generation)) throw invalid("that status is not the copy's");
    turns[slot] = turn;
    observed[slot] = generation;
  };

  const operate = (slot: number, operation: Operation): void => {
    const { op, path, value } = operation;
    if (op === "test") test(slot, operation);
    else if (op === "add" && path === "/status") putStatus(slot, value);
    else if (op === "add" && path.startsWith("/metadata/finalizers")) claim(slot, true);
    else if (op === "remove" && path === "/metadata/finalizers/0") claim(slot, false);
    else throw unscripted(`${op} ${path}`);
  };

  /** Is it what the consumer has at that edit, marked as its copy? */
  const mustBeCopy = (slot: number, { metadata, spec }: Applied): void => {
    const { labels, annotations } = metadata;
    const isMarked =
      annotations[ANNOTATION.consumerObjectUid] === uidOf("consumer", slot) &&
      annotations[ANNOTATION.consumerClusterUid] === CLUSTER_UID.consumer &&
      Object.entries(labelsOf("provider")).every(([name, value]) => labels[name] === value);
    if (!isMarked) throw invalid("the copy is not marked as it should be");
    if (JSON.stringify(spec) !== specText(slot, spec.count)) throw invalid("the copy's spec is no object's");
  };

  const mass: Mass = {
    apiVersion: apiVersionOf(MASS),
    kind: MASS.kind,
    slots: () => size,
    versionOf: (slot) => at(versions, slot),
    isGone: (slot) => has(slot, GONE),
    isNew: (slot) => at(versions, slot) === at(created, slot),
    isIn: (slot, { namespace, name, labels }: Scope) =>
      (namespace === "" || namespace === roomOf(slot)) &&
      (name === "" || name === nameOf(slot)) &&
      labels.every(([label, value]) => labelsOf(side)[label] === value),
    text,
    fill: (synced = false) => {
      for (let slot = 0; slot < size; slot++) {
        create(slot, 1);
        claim(slot, synced && side === "consumer");
      }
    },
    get: (slot) => {
      mustBeThere(slot);
      return answer(slot);
    },
    patch: (slot, operations) => {
      mustBeThere(slot);
      for (const operation of operations) operate(slot, operation);
      if (has(slot, DELETING) && !has(slot, CLAIMED)) remove(slot);
      changed(slot);
      return answer(slot);
    },
    apply: (slot, body) => {
      mustBeCopy(slot, body);
      if (!isThere(slot)) {
        // The version that no object has, and no uid: the guard of a first write.
        if (body.metadata.uid !== undefined || body.metadata.resourceVersion !== "1")
          throw conflict("no existing object was found");
        flags[slot] = 0;
        create(slot, body.spec.count);
        ledger.changed(mass, slot);
        return answer(slot, 201);
      }
      if (!isState(slot, body.metadata)) throw conflict("the object has been modified");
      if (body.spec.count === at(edits, slot)) return answer(slot);
      edits[slot] = body.spec.count;
      generations[slot] = at(generations, slot) + 1;
      changed(slot);
      return answer(slot);
    },
    delete: (slot, preconditions) => {
      mustBeThere(slot);
      if (!isState(slot, preconditions)) throw conflict("Precondition failed");
      if (has(slot, CLAIMED)) leave(slot);
      else remove(slot);
      changed(slot);
      return has(slot, GONE) ? { status: 200, text: success } : answer(slot);
    },
    edit: (slot) => {
      edits[slot] = at(edits, slot) + 1;
      generations[slot] = at(generations, slot) + 1;
      changed(slot);
    },
    advance: (slot) => {
      turns[slot] = at(turns, slot) + 1;
      observed[slot] = at(generations, slot);
      changed(slot);
    },
    count: () => ({ present, claimed }),
    editOf: (slot) => at(edits, slot),
    turnOf: (slot) => at(turns, slot),
  };
  return mass;
}
