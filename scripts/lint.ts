// `npm run lint`: runs every quality gate, two at a time, and shows the output of those that fail. All gates run even if
// one has failed. Names given as arguments run only those gates.

import { spawn } from "node:child_process";

import { GATES, type Gate } from "./gates.ts";

const AT_ONCE = 2;

function run({ command: [program, ...args] }: Gate): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !GATES.some((gate) => gate.name === name));
if (unknown.length > 0) throw new Error(`no gate ${unknown.join(", ")}; gates: ${GATES.map((g) => g.name).join(", ")}`);

const waiting = GATES.filter((gate) => names.length === 0 || names.includes(gate.name));
let failed = 0;

async function work(): Promise<void> {
  for (let gate = waiting.shift(); gate !== undefined; gate = waiting.shift()) {
    const started = Date.now();
    const { code, output } = await run(gate);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.log(
      `${code === 0 ? "ok    " : "FAILED"} ${gate.name.padEnd(10)} ${seconds.padStart(5)} s  ${gate.promise}`,
    );
    if (code === 0) continue;
    failed += 1;
    console.log(output.trim());
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
process.exitCode = failed === 0 ? 0 : 1;
