// What is kept of what follows from Connections and bindings: always what would be computed now, and seldom computed.

import * as fc from "fast-check";
import { beforeEach, expect, it } from "vitest";

import { createDirectory, type Directory, viewOf } from "../../actors/directory.ts";
import { recall } from "../../actors/recall.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import { FINALIZER } from "../../crds/labels.ts";

let directory: Directory;
let computed: number;
let version: number;

beforeEach(setUp);

function setUp(): void {
  const ignored = () => undefined;
  directory = createDirectory({
    connection: ignored,
    binding: ignored,
    secret: ignored,
    crd: ignored,
    listed: ignored,
  });
  computed = 0;
  version = 1;
}

const views = () =>
  directory.allBindings().map((binding) => viewOf(directory, binding, { unwritable: false, overdue: false }));
const recalled = () =>
  recall(directory, "views", () => {
    computed++;
    return views();
  });

const metadata = (name: string, change: object = {}) => {
  const resourceVersion = String(version++);
  return { name, uid: `uid-${name}`, resourceVersion, creationTimestamp: "2026-01-01T00:00:00Z", ...change };
};

const condition = (status: string) => ({ conditions: [{ type: "Ready", status }] });

const binding = (name: string, change: { metadata?: object; apis?: string[]; status?: object } = {}): KubeObject => ({
  apiVersion: "core.kube-bind.io/v1alpha1",
  kind: "Binding",
  metadata: metadata(name, { namespace: "blue", ...change.metadata }),
  spec: {
    connectionRef: { name: "acme" },
    apis: (change.apis ?? ["widgets.example.org"]).map((api) => ({ name: api })),
  },
  ...(change.status ? { status: change.status as never } : {}),
});

const connection = (change: object = {}): KubeObject => ({
  apiVersion: "core.kube-bind.io/v1alpha1",
  kind: "Connection",
  metadata: metadata("acme", change),
  spec: { autoBind: false },
});

it("is computed once, also when conditions change", () => {
  directory.bindings.sink.seen(binding("one"));
  recalled();
  directory.bindings.sink.seen(binding("one", { status: condition("True") }));
  directory.bindings.sink.seen(binding("one", { status: condition("False") }));
  expect(recalled()).toEqual(views());
  expect(computed).toBe(1);
});

type Deed = (directory: Directory) => void;

const DEEDS: Record<string, Deed> = {
  "a binding appears": () => directory.bindings.sink.seen(binding("two")),
  "a binding goes": () => directory.bindings.sink.gone(binding("one")),
  "it is claimed": () =>
    directory.bindings.sink.seen(binding("one", { metadata: { finalizers: [FINALIZER.cleanup] } })),
  "it is deleted": () =>
    directory.bindings.sink.seen(binding("one", { metadata: { deletionTimestamp: "2026-01-02T00:00:00Z" } })),
  "it lists another API": () => directory.bindings.sink.seen(binding("one", { apis: ["gadgets.example.org"] })),
  "it has not let go of an API": () =>
    directory.bindings.sink.seen(
      binding("one", { status: { ...condition("True"), boundAPIs: [{ name: "old.example.org" }] } }),
    ),
  "it is to let go": () =>
    directory.bindings.sink.seen(
      binding("one", {
        metadata: {
          deletionTimestamp: "2026-01-02T00:00:00Z",
          annotations: { "core.kube-bind.io/release": "true" },
        },
      }),
    ),
  "it is paused": () =>
    directory.bindings.sink.seen(binding("one", { metadata: { annotations: { "core.kube-bind.io/paused": "true" } } })),
  "its Connection appears": () => directory.connections.sink.seen(connection()),
  "its Connection is paused": () =>
    directory.connections.sink.seen(connection({ annotations: { "core.kube-bind.io/paused": "true" } })),
  "its status says something else": () => directory.bindings.sink.seen(binding("one", { status: condition("True") })),
  "a complete list lacks it": () => directory.bindings.sink.listed(new Set()),
};

it("is what would be computed now, whatever has happened", () => {
  const deeds = fc.array(fc.constantFrom(...Object.keys(DEEDS)), { maxLength: 20 });
  fc.assert(
    fc.property(deeds, (names) => {
      setUp();
      directory.bindings.sink.seen(binding("one"));
      for (const name of names) {
        DEEDS[name]?.(directory);
        expect(recalled(), name).toEqual(views());
      }
    }),
  );
});
