// Addresses of actors: the promises of actors/keys.ts.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Address,
  bindingKey,
  connectionKey,
  laneOf,
  leaseKey,
  objectKey,
  parseAddress,
  permissionsKey,
  relatedKey,
  relatedSyncerKey,
  SECRETS_KEY,
  syncerKey,
} from "../../actors/keys.ts";
import { ROUTES } from "../../crds/related.ts";

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?$/);
/** Names of the RBAC kind: all that Kubernetes refuses is a slash, a percent sign and the dots alone. */
const pathName = fc.stringMatching(/^[A-Za-z:_~-][A-Za-z0-9:._~-]{0,12}$/);
const namespace = fc.oneof(fc.constant(""), name);
/** A binding may write anything for the name of its Connection and of an API. */
const anything = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("a/b", "%", "%2F", "%252F", "a%2Fb", "/"));
const connection = fc.oneof(name, anything);
const api = fc.oneof(
  fc.tuple(name, name).map(([plural, group]) => `${plural}.${group}`),
  anything,
);

const route = fc.constantFrom(...ROUTES);

/** Those that belong to a Connection. */
type Owned = Extract<Address, { connection: string }>;

const address: fc.Arbitrary<Owned> = fc.oneof(
  fc.record({ kind: fc.constant("connection" as const), connection }),
  fc.record({ kind: fc.constant("permissions" as const), connection }),
  fc.record({ kind: fc.constant("syncer" as const), connection, api }),
  fc.record({ kind: fc.constant("binding" as const), connection, namespace, name }),
  fc.record({
    kind: fc.constant("object" as const),
    connection,
    api,
    key: fc.record({ namespace, name: pathName }),
  }),
  fc.record({ kind: fc.constant("relatedSyncer" as const), connection, route }),
  fc.record({
    kind: fc.constant("related" as const),
    connection,
    route,
    key: fc.record({ namespace: name, name: pathName }),
  }),
);

const written = (one: Owned): string => {
  switch (one.kind) {
    case "connection":
      return connectionKey(one.connection);
    case "permissions":
      return permissionsKey(one.connection);
    case "syncer":
      return syncerKey(one.connection, one.api);
    case "binding":
      return bindingKey(one.connection, one);
    case "object":
      return objectKey(one.connection, one.api, one.key);
    case "relatedSyncer":
      return relatedSyncerKey(one.connection, one.route);
    case "related":
      return relatedKey(one.connection, one.route, one.key);
  }
};

describe("an actor's key", () => {
  it("leads back to the address it was written from", () => {
    fc.assert(
      fc.property(address, (one) => {
        expect(parseAddress(written(one))).toEqual(one);
      }),
    );
  });

  it("is another one for every other address", () => {
    fc.assert(
      fc.property(address, address, (one, other) => {
        expect(written(one) === written(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });

  it("begins with its Connection", () => {
    fc.assert(
      fc.property(address, (one) => {
        expect(written(one).split("/")[0]).toBe(connectionKey(one.connection).split("/")[0]);
      }),
    );
  });
});

describe("the lane of a key", () => {
  const sort = ({ kind }: Owned): string => (["object", "related"].includes(kind) ? kind : "control");

  it("is its Connection's own: one for objects, one for what they bring along, one for those who decide over them", () => {
    fc.assert(
      fc.property(address, address, (one, other) => {
        const isShared = one.connection === other.connection && sort(one) === sort(other);
        expect(laneOf(written(one)) === laneOf(written(other))).toBe(isShared);
      }),
    );
  });
});

describe("the Secrets of our namespace", () => {
  it("have an address that belongs to no Connection", () => {
    expect(parseAddress(SECRETS_KEY)).toEqual({ kind: "secrets" });
  });
});

describe("the Lease on a provider", () => {
  it("has an address that belongs to no Connection, and a lane in which nothing holds it up", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), address, (provider, other) => {
        const key = leaseKey(provider);
        expect(parseAddress(key)).toEqual({ kind: "lease", provider });
        expect([laneOf(written(other)), laneOf(SECRETS_KEY), laneOf(leaseKey(`${provider}x`))]).not.toContain(
          laneOf(key),
        );
      }),
    );
  });
});

describe("a proper name", () => {
  it("stands in the key as it is", () => {
    expect(syncerKey("acme", "widgets.example.org")).toBe("acme/syncer/widgets.example.org");
    expect(objectKey("acme", "widgets.example.org", { namespace: "", name: "a" })).toBe(
      "acme/object/widgets.example.org//a",
    );
  });
});

describe("text that is no address", () => {
  it.each([
    "",
    "acme",
    "acme/",
    "/connection",
    "acme/nothing",
    "acme/connection/more",
    "acme/syncer",
    "acme/syncer/",
    "acme/syncer/widgets.example.org/more",
    "acme/binding",
    "acme/binding/default",
    "acme/binding/default/",
    "acme/binding/default/b/more",
    "acme/object/widgets.example.org/default",
    "acme/object/widgets.example.org/default/",
    "acme/object//default/a",
    "acme/object/widgets.example.org/default/a/more",
    "acme/toString/a/b",
  ])("is refused: %j", (text) => {
    expect(() => parseAddress(text)).toThrow(TypeError);
  });
});
