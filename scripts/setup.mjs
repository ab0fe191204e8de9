// Makes a fresh clone ready to run: installs the packages that package-lock.json names, then obtains the control-plane
// binaries. Plain JavaScript without dependencies: it starts on the system's Node (20 or newer) with nothing installed,
// and hands over to the Node 24 that it has just installed. Does nothing, quickly, when everything is in place.
// Runs before `npm run demo`, `npm test` and `npm run e2e`; safe when two of them start at once.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { withLock } from "./lock.mjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const MODULES = path.join(ROOT, "node_modules");
const STAMP = path.join(MODULES, ".konnector-setup");
const NODE = path.join(MODULES, ".bin", process.platform === "win32" ? "node.cmd" : "node");

/** @param {string} text */
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/**
 * What is installed is what the lock file names: by our stamp, or, where npm was run by hand, by npm's own record.
 * @param {string} lockText
 */
function isInstalled(lockText) {
  if (readText(STAMP) === sha256(lockText)) return true;
  const record = readText(path.join(MODULES, ".package-lock.json"));
  if (record === "") return false;
  const installed = JSON.parse(record).packages;
  const wanted = JSON.parse(lockText).packages;
  return Object.entries(wanted).every(
    ([where, pkg]) => where === "" || pkg.optional || installed[where]?.version === pkg.version,
  );
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

/** @param {string} message @returns {never} */
function fail(message) {
  throw new Error(message);
}

async function installPackages() {
  const lockText = readText(path.join(ROOT, "package-lock.json"));
  if (isInstalled(lockText)) return;
  const started = Date.now();
  console.log("setup: installing packages (npm ci)");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  if ((await run(npm, ["ci", "--include=dev", "--loglevel=error"])) !== 0) fail("npm ci failed, see above");
  console.log(`setup: packages installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Every script runs on the Node that the package `node` brings; its install script may have been switched off. */
function checkNode() {
  const want = JSON.parse(readText(path.join(MODULES, "node", "package.json")) || "{}").version ?? "24";
  return run(NODE, ["-e", `process.exit(process.version === "v${want}" ? 0 : 1)`]).then(
    (code) => code === 0 || fail(`node_modules/.bin/node is not Node ${want}; run: npm rebuild node`),
    () =>
      fail(
        `Node ${want} is missing: npm did not run the install script of the package "node" (ignore-scripts?); ` +
          "run: npm rebuild node --ignore-scripts=false",
      ),
  );
}

async function main() {
  if (Number(process.versions.node.split(".")[0]) < 20) fail(`needs Node 20 or newer, this is ${process.version}`);
  const lock = path.join(os.tmpdir(), `konnector-setup-${sha256(ROOT).slice(0, 16)}.lock`);
  await withLock(
    lock,
    () => console.log("setup: another set-up of this directory is running, waiting for it"),
    async () => {
      await installPackages();
      await checkNode();
      writeFileSync(STAMP, sha256(readText(path.join(ROOT, "package-lock.json"))));
    },
  );
  return run(NODE, [path.join(ROOT, "scripts", "control-plane", "obtain.ts")]);
}

process.exitCode = await main().catch((error) => {
  console.error(`setup: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});
