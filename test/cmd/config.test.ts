// Flags: what they come to, and what is said of a wrong one.

import { describe, expect, it } from "vitest";
import { parseConfig, UsageError } from "../../cmd/config.ts";

describe("the flags of the Lease", () => {
  it("have defaults", () => {
    expect(parseConfig(["run"])).toMatchObject({ "lease-namespace": "kube-bind", "lease-duration": 60_000 });
  });

  it("can be chosen", () => {
    const config = parseConfig(["run", "--lease-namespace", "heartbeats", "--lease-duration", "2m"]);
    expect(config).toMatchObject({ "lease-namespace": "heartbeats", "lease-duration": 120_000 });
  });

  it.each([
    ["--lease-duration", "soon", "--lease-duration: must be a duration such as 30s or 5m, at least 3s"],
    ["--lease-duration", "1s", "--lease-duration: must be a duration such as 30s or 5m, at least 3s"],
    ["--lease-namespace", "No_Namespace", "--lease-namespace: must be the name of a namespace"],
  ])("%s %s is refused with a word on what to do", (flag, value, message) => {
    expect(() => parseConfig(["run", flag, value])).toThrow(new UsageError(message));
  });
});
