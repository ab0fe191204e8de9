import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { afterEach, expect, test } from "vitest";

import { locateAll } from "../../scripts/control-plane/locate.ts";
import { eventually, NotYet } from "../harness/wait.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
const DEMO = path.join(ROOT, "scripts", "demo.ts");

interface Demo {
  child: ChildProcess;
  /** Everything it starts and writes is under this directory, by name. */
  dir: string;
  output(): string;
  /** Waits for a line and answers what the expression's first group matched. */
  shows(what: RegExp): Promise<string>;
  ended(): Promise<number>;
}

const begun: { child: ChildProcess; dir: string }[] = [];
afterEach(() => {
  for (const { child, dir } of begun.splice(0)) {
    child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  }
});

const begin = (args: string[] = [], env: Record<string, string> = {}): Demo => {
  const dir = mkdtempSync(path.join(os.tmpdir(), "demo-test-"));
  const child = spawn(process.execPath, [DEMO, ...args], { env: { ...process.env, ...env, TMPDIR: dir } });
  begun.push({ child, dir });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  }
  const closed = once(child, "close").then(([code]) => code as number);
  return {
    child,
    dir,
    output: () => text,
    shows: (what) => eventually(`the demo to show ${what}`, () => what.exec(text)?.[1] ?? new NotYet(text), 60_000),
    ended: () => closed,
  };
};

/** Processes whose command line names the demo's directory: servers, konnector, kubectl and the guard over them. */
const processesOf = (dir: string): string[] =>
  execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(dir));

const leavesNothing = ({ dir }: Demo) =>
  eventually("no process and no file of the demo to be left", () => {
    const left = [...processesOf(dir), ...readdirSync(dir)];
    return left.length === 0 || new NotYet(left);
  });

const MILESTONES = [
  /A provider and a consumer start/,
  /exports widgets\.example\.org/,
  /crd -l core\.kube-bind\.io\/exported=true\n.*NAME.*\n +widgets\.example\.org/,
  /clusterbinding\S* created\n +connection\S* created\n +secret\S* created/,
  /clusterbinding\S*widgets +demo-provider +True/,
  /connection\S*demo-provider +True/,
  /crd -l core\.kube-bind\.io\/managed=true\n.*NAME.*\n +widgets\.example\.org/,
  /--context provider get widgets\n.*NAME.*\n +my-widget +large/,
  /--context consumer get widgets\n.*NAME.*\n +my-widget +large +Running/,
  /--context provider get widgets\n.*NAME.*\n +my-widget +small/,
  /secret\S* "demo-provider-kubeconfig" deleted[^[]*connection\S* "demo-provider" deleted/,
  /Nothing is left on either side/,
  /--context provider get widgets -A\n +No resources found/,
  /everything that was promised came true/,
];

/** Where each milestone is in `text`, each looked for behind the one before. */
const positions = (text: string): number[] => {
  let from = 0;
  return MILESTONES.map((milestone) => {
    const found = text.slice(from).search(milestone);
    if (found >= 0) from += found;
    return found < 0 ? found : from;
  });
};

/** What stays the same from run to run: no times, ages and directories. */
const lasting = (text: string): string[] =>
  text.split("\n").map((line) =>
    line
      .replace(/^\[ *[\d.]+ s\]/, "")
      .replace(/ +\d+s$/, "")
      .replace(/\S+\/(?=bundle\.yaml)/, "")
      .trim(),
  );

const excerpt = (): string[] => {
  const [, text = ""] = /```text\n([^`]*)```/.exec(readFileSync(path.join(ROOT, "README.md"), "utf8")) ?? [];
  expect(text).not.toBe("");
  return lasting(text);
};

test("tells the whole story in order as README shows it, within a minute, without colour, and leaves no process", async () => {
  const demo = begin();
  expect(await demo.ended(), demo.output()).toBe(0);
  const missing = MILESTONES.filter((_, index) => (positions(demo.output())[index] ?? -1) < 0);
  expect(missing, demo.output()).toEqual([]);
  expect(demo.output()).not.toContain("\x1b[");
  const shown = lasting(demo.output());
  expect(excerpt().filter((line) => !shown.includes(line))).toEqual([]);
  await leavesNothing(demo);
}, 60_000);

test("names the step that cannot come true, and shows the konnector's last words", async () => {
  const demo = begin();
  process.kill(Number(await demo.shows(/The konnector runs \(pid (\d+)\)/)), "SIGKILL");
  expect(await demo.ended()).toBe(1);
  const told = demo.output().slice(demo.output().indexOf("FAILED"));
  expect(told).toMatch(/^FAILED at the step "(One apply|Connection and ClusterBinding)[^"]*"\nthe konnector has ended/);
  expect(told).toMatch(/The konnector's last words:\n\{"level":/);
  await leavesNothing(demo);
}, 60_000);

test("names the step when a cluster cannot start", async () => {
  const assets = mkdtempSync(path.join(os.tmpdir(), "demo-assets-"));
  for (const [name, file] of Object.entries(locateAll())) {
    if (name !== "etcd") symlinkSync(file, path.join(assets, name));
  }
  writeFileSync(path.join(assets, "etcd"), "#!/bin/sh\necho no etcd today >&2\nexit 1\n");
  chmodSync(path.join(assets, "etcd"), 0o755);
  try {
    const demo = begin([], { KUBEBUILDER_ASSETS: assets });
    expect(await demo.ended()).toBe(1);
    expect(demo.output()).toMatch(/FAILED at the step "A provider and a consumer start"\n[^]*no etcd today/);
    await leavesNothing(demo);
  } finally {
    rmSync(assets, { recursive: true });
  }
}, 60_000);

test("leaves nothing when it is interrupted while the clusters start", async () => {
  const demo = begin();
  await eventually("a server to be starting", () => processesOf(demo.dir).some((line) => line.includes("etcd")));
  demo.child.kill("SIGINT");
  expect(await demo.ended()).toBe(130);
  await leavesNothing(demo);
}, 60_000);

test("with --keep leaves everything running until Ctrl-C, with kubeconfigs that work", async () => {
  const demo = begin(["--keep"]);
  const KUBECONFIG = await demo.shows(/export KUBECONFIG=(\S+)\n[^]*log: /);
  const get = ["--context", "provider", "get", "widgets", "-o", "name", `--cache-dir=${demo.dir}/kubectl`];
  const copies = execFileSync(locateAll().kubectl, get, { env: { ...process.env, KUBECONFIG }, encoding: "utf8" });
  expect(copies).toBe("widget.example.org/my-widget\n");
  rmSync(path.join(demo.dir, "kubectl"), { recursive: true });
  demo.child.kill("SIGINT");
  expect(await demo.ended()).toBe(0);
  await leavesNothing(demo);
}, 60_000);
