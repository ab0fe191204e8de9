// The address rule at connection time: a name that leads to a metadata address is refused when it is resolved. Names are
// resolved by a stand-in here, because a test cannot make real ones lead there.

import { afterEach, describe, expect, it, vi } from "vitest";
import { UnreachableError } from "../../actors/ports.ts";
import { isRefusedAddress } from "../../adapters/kube/address.ts";
import { closeFakes, failure, open, startFake } from "./fake-cluster.ts";
import { sendJson } from "./fake-server.ts";

vi.mock(import("node:dns"), async (original) => {
  const dns = await original();
  const names: Record<string, { address: string; family: number }[]> = {
    "metadata.test": [{ address: "169.254.169.254", family: 4 }],
    "both.test": [
      { address: "127.0.0.1", family: 4 },
      { address: "fe80::1", family: 6 },
    ],
    "loopback.test": [{ address: "127.0.0.1", family: 4 }],
  };
  const lookup = ((hostname: string, options: object, callback: (error: Error | null, found: unknown) => void) => {
    const found = names[hostname];
    if (found === undefined) (dns.lookup as (...args: unknown[]) => void)(hostname, options, callback);
    else callback(null, found);
  }) as unknown as typeof dns.lookup;
  return { ...dns, lookup };
});

afterEach(closeFakes);

const at = async (host: string, guardAddress = true) => {
  const fake = await startFake((_request, response) => sendJson(response, 200, {}));
  return { fake, cluster: open({ server: new URL(`http://${host}:${fake.url.port}`), guardAddress }) };
};

describe("a name", () => {
  it.each(["metadata.test", "both.test"])(
    "is refused when it leads to a metadata or link-local address: %s",
    async (host) => {
      const { fake, cluster } = await at(host);
      const error = await failure(cluster.ping());
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error.message).toContain("its name leads to a link-local or metadata address, which is refused");
      expect(fake.requests).toEqual([]);
    },
  );

  it("may lead to loopback", async () => {
    const { fake, cluster } = await at("loopback.test");
    await cluster.ping();
    expect(fake.requests).toEqual(["GET /version"]);
  });

  it("that does not exist says so", async () => {
    const { cluster } = await at("nowhere.invalid");
    expect((await failure(cluster.ping())).message).toMatch(/its name cannot be resolved/);
  });
});

describe("an address", () => {
  it("is refused in every spelling, and no other is", () => {
    const refused = ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.0.1", "FD00:EC2::254", "64:ff9b::a9fe:1"];
    const allowed = [
      "127.0.0.1",
      "10.0.0.1",
      "::1",
      "::",
      "2001:db8::1",
      "fd00:ec2::253",
      "169.253.0.1",
      "localhost",
      "",
    ];
    for (const address of refused) expect([address, isRefusedAddress(address)]).toEqual([address, true]);
    for (const address of allowed) expect([address, isRefusedAddress(address)]).toEqual([address, false]);
  });
});
