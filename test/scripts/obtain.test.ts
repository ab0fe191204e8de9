import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { BINARIES, cacheDir } from "../../scripts/control-plane/recipe.ts";
import { startReleaseServer, type ReleaseServer } from "./release-server.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
/** The discard port: nothing answers there. */
const NOWHERE = "http://127.0.0.1:9";

let dir: string;
let env: NodeJS.ProcessEnv;
const servers: ReleaseServer[] = [];

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), "konnector-obtain-"));
  mkdirSync(path.join(dir, "bin"));
  env = {
    HOME: dir,
    XDG_CACHE_HOME: path.join(dir, "cache"),
    PATH: path.join(dir, "bin"),
    KONNECTOR_ENVTEST_INDEX: NOWHERE,
    KONNECTOR_KUBERNETES_RELEASES: NOWHERE,
  };
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  rmSync(dir, { recursive: true, force: true });
});

const obtain = (more: NodeJS.ProcessEnv = {}) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const script = path.join(ROOT, "scripts", "control-plane", "obtain.ts");
    const child = spawn(process.execPath, [script], { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (t: string) => (output += t));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });

/** A `go` whose builds take a moment, write a program that prints a version, and are written down. */
const installGo = () => {
  const built = path.join(dir, "built");
  writeFileSync(built, "");
  const script = `#!/bin/sh
PATH=/usr/bin:/bin
[ "$1" = build ] || exit 0
while [ $# -gt 1 ]; do [ "$1" = -o ] && file=$2; shift; done
echo "$file" >>${built}
sleep 0.2
printf '#!/bin/sh\\necho built stand-in\\n' >"$file"
chmod 755 "$file"
`;
  writeFileSync(path.join(dir, "bin", "go"), script);
  chmodSync(path.join(dir, "bin", "go"), 0o755);
  return () =>
    readFileSync(built, "utf8")
      .trim()
      .split("\n")
      .map((file) => path.basename(file));
};

const release = async (corrupt = false) => {
  const server = await startReleaseServer(path.join(dir, "release"), corrupt);
  servers.push(server);
  return { KONNECTOR_ENVTEST_INDEX: server.index, KONNECTOR_KUBERNETES_RELEASES: server.releases };
};

const cached = () => readdirSync(cacheDir(env)).sort();

test("builds with Go what no release offers, and does nothing the next time", async () => {
  const built = installGo();
  expect(await obtain()).toMatchObject({ code: 0 });
  expect(cached()).toEqual([...BINARIES].sort());
  expect(await obtain()).toEqual({ code: 0, output: "" });
  expect(built()).toHaveLength(BINARIES.length);
});

test("two at once do the work once", async () => {
  const built = installGo();
  const both = await Promise.all([obtain(), obtain()]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(built().sort()).toEqual([...BINARIES].sort());
});

test("goes on where an interrupted set-up stopped", async () => {
  const built = installGo();
  await obtain();
  rmSync(path.join(cacheDir(env), "kubectl"));
  mkdirSync(path.join(cacheDir(env), ".staging-left-behind"));
  expect((await obtain()).code).toBe(0);
  expect(built().filter((name) => name === "kubectl")).toHaveLength(2);
  expect(built()).toHaveLength(BINARIES.length + 1);
  expect(cached()).toEqual([...BINARIES].sort());
});

test("downloads the official release where it can be reached, without Go", async () => {
  const { code, output } = await obtain({ ...(await release()), PATH: `${path.join(dir, "bin")}:/usr/bin:/bin` });
  expect({ code, output }).toMatchObject({ code: 0 });
  expect(readFileSync(path.join(cacheDir(env), "etcd"), "utf8")).toContain("etcd stand-in");
  expect(cached()).toEqual([...BINARIES].sort());
});

test("uses nothing whose checksum is wrong", async () => {
  installGo();
  const { code, output } = await obtain(await release(true));
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/SHA-512 mismatch[\s\S]*checksum/) });
  for (const name of BINARIES) expect(readFileSync(path.join(cacheDir(env), name), "utf8")).toContain("built stand-in");
});

test("says in one line that there is neither a release nor Go", async () => {
  const { code, output } = await obtain();
  expect(code).toBe(1);
  expect(output.trim().split("\n").at(-1)).toMatch(/^setup: cannot obtain etcd, .* no Go to build it$/);
  expect(cached()).toEqual([]);
});

test("takes nothing away from KUBEBUILDER_ASSETS that are incomplete", async () => {
  const assets = path.join(dir, "assets");
  mkdirSync(assets);
  writeFileSync(path.join(assets, "etcd"), "mine");
  installGo();
  expect((await obtain({ ...(await release()), KUBEBUILDER_ASSETS: assets })).code).toBe(0);
  expect(readFileSync(path.join(assets, "etcd"), "utf8")).toBe("mine");
});

describe("setup.mjs", () => {
  test("says in one line that the Node it installed is missing", () => {
    mkdirSync(path.join(dir, "scripts"));
    for (const file of ["setup.mjs", "lock.mjs"]) {
      cpSync(path.join(ROOT, "scripts", file), path.join(dir, "scripts", file));
    }
    mkdirSync(path.join(dir, "node_modules"));
    for (const file of ["package-lock.json", "node_modules/.package-lock.json"]) {
      writeFileSync(path.join(dir, file), JSON.stringify({ packages: {} }));
    }
    const { status, stderr } = spawnSync(process.execPath, [path.join(dir, "scripts", "setup.mjs")], {
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr.trim()).toMatch(/^setup: Node 24 is missing: .*npm rebuild node --ignore-scripts=false$/);
    expect(existsSync(path.join(dir, "node_modules", ".konnector-setup"))).toBe(false);
  });
});
