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

const parsed = (...flags: string[]) => parseConfig(["run", ...flags]);

describe("a duration", () => {
  it.each([
    ["30s", 30_000],
    ["5m", 300_000],
    ["1500ms", 1_500],
    ["1h", 3_600_000],
  ])("%s is understood", (text, milliseconds) => {
    expect(parsed("--resync-interval", text)["resync-interval"]).toBe(milliseconds);
  });

  it.each(["30", "s", "", "-5s", "1.5s", "5 m", "0s", "999ms", "forever"])("%o is refused and named", (text) => {
    expect(() => parsed(`--resync-interval=${text}`)).toThrow(/--resync-interval: must be a duration such as 30s/);
  });

  it("is 30 s where none is given", () => {
    expect(parsed()["resync-interval"]).toBe(30_000);
  });
});

describe("how long a drain waits", () => {
  it("is for ever, unless a time is given", () => {
    expect(parsed()["drain-timeout"]).toBe(0);
    expect(parsed("--drain-timeout", "0")["drain-timeout"]).toBe(0);
    expect(parsed("--drain-timeout", "2h")["drain-timeout"]).toBe(7_200_000);
  });

  it.each(["never", "0s", "-1s", "10"])("is not %o", (text) => {
    const message = "--drain-timeout: must be a duration such as 30s or 5m, at least 1s, or 0 for never";
    expect(() => parsed(`--drain-timeout=${text}`)).toThrow(new UsageError(message));
  });
});

describe("what weakens the way to a provider", () => {
  const names = ["allow-http", "allow-insecure-skip-tls-verify"] as const;

  it("is not allowed unless a flag says so", () => {
    for (const name of names) expect(parsed()[name]).toBe(false);
  });

  it.each(names)("--%s allows it, and nothing else", (name) => {
    const config = parsed(`--${name}`, "--log-level", "debug");
    expect(names.filter((one) => config[one])).toEqual([name]);
    expect(config["log-level"]).toBe("debug");
  });

  it.each(names)("--%s takes no value, so that =false allows nothing unseen", (name) => {
    expect(() => parsed(`--${name}=false`)).toThrow(UsageError);
    expect(() => parsed(`--${name}=false`)).toThrow(name);
  });
});

describe("the cap on requests to providers", () => {
  it("is none where none is given", () => {
    expect(parsed()).toMatchObject({ "provider-qps": 0, "provider-burst": 10 });
  });

  it("lets 32 be in flight, or as many as are asked for", () => {
    expect(parsed()["provider-max-in-flight"]).toBe(32);
    for (const count of [1, 1_000])
      expect(parsed(`--provider-max-in-flight=${count}`)["provider-max-in-flight"]).toBe(count);
  });

  it.each([
    ["0", 0],
    ["1", 1],
    ["12.5", 12.5],
  ])("of %s is understood", (text, rate) => {
    expect(parsed("--provider-qps", text, "--provider-burst", "3")).toMatchObject({
      "provider-qps": rate,
      "provider-burst": 3,
    });
  });

  it.each([
    ["--provider-qps", ["", "0.5", "-1", "1e3", "many", "1,5"]],
    ["--provider-burst", ["", "0", "-1", "1.5", "many"]],
    ["--provider-max-in-flight", ["", "0", "-1", "1.5", "1001", "many"]],
  ])("%s is refused and named where it makes no sense", (flag, values) => {
    for (const value of values) expect(() => parsed(`${flag}=${value}`), value).toThrow(`${flag}: must be a`);
  });
});

describe("lists of groups", () => {
  it("are names and patterns, with commas", () => {
    const config = parsed("--openapi-exclude-groups", "a.example, *.b.example,,policies");
    expect([...config["openapi-exclude-groups"]]).toEqual(["a.example", "*.b.example", "policies"]);
    expect([...config["openapi-include-groups"]]).toEqual([]);
  });

  it.each(["*", "a.*", "A.example", "a..example", "a/v1", "*.*.example"])("%s is refused and named", (name) => {
    expect(() => parsed("--openapi-include-groups", `a.example,${name}`)).toThrow(UsageError);
    expect(() => parsed("--openapi-include-groups", `a.example,${name}`)).toThrow(name);
  });
});

describe("annotations that travel", () => {
  it("are none unless their prefixes are listed", () => {
    expect([...parsed()["sync-annotations"]]).toEqual([]);
    const config = parsed("--sync-annotations", "example.org, *.example.com");
    expect([...config["sync-annotations"]]).toEqual(["example.org", "*.example.com"]);
  });

  it.each(["*", "example.org/tier", "Example.org"])("%s is no prefix, and that is said", (prefix) => {
    expect(() => parsed("--sync-annotations", prefix)).toThrow(`--sync-annotations: ${prefix} is not the prefix of an`);
  });
});
