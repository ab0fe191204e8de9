// How often an OpenAPI document is downloaded, and for how long it is kept. The provider is a fake that counts.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { beforeEach, expect, test } from "vitest";

import { createDocuments, type Documents } from "../../actors/documents.ts";
import { ApiError, type Cluster } from "../../actors/ports.ts";
import { manualClock } from "./manual-clock.ts";

const ROOM = 100;

let asked: string[];
let fails: Error | undefined;
let clock: ReturnType<typeof manualClock>;
let documents: Documents;

const provider = (bytes: number): Cluster =>
  ({
    async document(groupVersion: string, version: string) {
      asked.push(`${groupVersion}?${version}`);
      await Promise.resolve();
      if (fails) throw fails;
      return { content: `${groupVersion} ${version}`, bytes };
    },
  }) as unknown as Cluster;

beforeEach(() => {
  asked = [];
  fails = undefined;
  clock = manualClock();
  documents = createDocuments(clock, ROOM);
});

const read = (version: string, connection = "acme", bytes = 40) =>
  documents.read(connection, provider(bytes), "example.org/v1", version);

test("a document is downloaded once for each version, by however many APIs and clients of a Connection it is read", async () => {
  expect(await Promise.all([read("hash=A"), read("hash=A"), read("hash=A")])).toEqual(
    Array.from({ length: 3 }, () => "example.org/v1 hash=A"),
  );
  await read("hash=A");
  expect(asked).toEqual(["example.org/v1?hash=A"]);
  await read("hash=B");
  expect(asked).toHaveLength(2);
});

test("no Connection is given what the provider of another one published under the same hash", async () => {
  await read("hash=A");
  await read("hash=A", "other");
  expect(asked).toHaveLength(2);
});

test("what was used longest ago makes room for what is new", async () => {
  await read("hash=A");
  await read("hash=B");
  await read("hash=A");
  await read("hash=C");
  asked = [];
  await read("hash=A");
  await read("hash=C");
  expect(asked).toEqual([]);
  await read("hash=B");
  expect(asked).toEqual(["example.org/v1?hash=B"]);
});

test("a document larger than the room is used, and not kept", async () => {
  expect(await read("hash=A", "acme", ROOM + 1)).toBe("example.org/v1 hash=A");
  await read("hash=A", "acme", ROOM + 1);
  expect(asked).toHaveLength(2);
});

test("a download that failed is not repeated at once, and then it is", async () => {
  fails = new ApiError("busy", { status: 503 });
  for (let n = 0; n < 3; n++) await expect(read("hash=A")).rejects.toThrow("busy");
  expect(asked).toHaveLength(1);
  fails = undefined;
  clock.advance(5_000);
  expect(await read("hash=A")).toBe("example.org/v1 hash=A");
  expect(asked).toHaveLength(2);
});
