// Sees to it that no server outlives the process that started it, however that process ends (SIGKILL included), and that
// its files go with it. One private directory per process; every server is started through a small script in it that
// writes its pid down before it becomes the server, so there is no moment in which a started server is not recorded. A
// shell outside our process group holds a pipe from us: when the pipe closes, it ends what is left and removes the files.

import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** A pid may have been reused by a stranger: only a process whose command line names our directory is ended. */
const GUARD = `
exec 2>/dev/null
trap '' INT TERM HUP
cat >/dev/null
end_recorded() {
  while read -r pid; do
    if [ -r "/proc/$pid/cmdline" ]; then args=$(tr '\\0' ' ' <"/proc/$pid/cmdline"); else args=$(ps -o args= -p "$pid"); fi
    case "$args" in *"$1"*) kill -9 "$pid" ;; esac
  done <"$1/pids"
}
# A second look, for a server that was just being started; one that comes later still finds no place to record itself.
end_recorded "$1"; sleep 0.3; end_recorded "$1"
for try in 1 2 3 4 5; do rm -rf "$1" && break; sleep 0.2; done
`;

let root: string | undefined;
const scripts = new Map<string, string>();

/** The private directory of this process; starts the guard on first use. Gone soon after the process has ended. */
export function guardedDir(): string {
  if (root !== undefined) return root;
  root = mkdtempSync(path.join(os.tmpdir(), "konnector-"));
  mkdirSync(path.join(root, "bin"));
  writeFileSync(path.join(root, "pids"), "");
  const guard = spawn("/bin/sh", ["-c", GUARD, "guard", root], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  guard.on("error", (error) => {
    throw error;
  });
  guard.unref();
  // The pipe stays open until the process ends, but must not keep it alive.
  (guard.stdin as unknown as { unref(): void }).unref();
  return root;
}

/** Records a process that was started without `guardedBinary`. Its command line must name a path in `guardedDir()`. */
export function recordPid(pid: number): void {
  appendFileSync(path.join(guardedDir(), "pids"), `${pid}\n`);
}

/** A script that records its pid and becomes `binary`, with `env` added to its environment. */
export function guardedBinary(name: string, binary: string, env: Record<string, string>): string {
  const written = scripts.get(name);
  if (written !== undefined) return written; // another server may be reading it right now
  const dir = guardedDir();
  const script = path.join(dir, "bin", name);
  scripts.set(name, script);
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const settings = Object.entries(env).map(([key, value]) => `export ${key}=${quote(value)}`);
  const lines = ["#!/bin/sh", `echo $$ >>${quote(path.join(dir, "pids"))} || exit 1`, ...settings];
  writeFileSync(script, [...lines, `exec ${quote(binary)} "$@"`, ""].join("\n"), { mode: 0o700 });
  return script;
}
