// `npm run demo`: the whole path of an object between two real clusters, told on screen as it happens. Exits 0 if every
// step came true, 1 with the step that did not and the konnector's last words, 130 on Ctrl-C. With `--keep` it stops
// before the deletion and leaves everything running until Ctrl-C. Nothing it starts outlives it, however it ends.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { failure, heading, output, say, success } from "./demo/screen.ts";
import { setStage, type Stage } from "./demo/stage.ts";
import { BIND, LEAVE, type Step, toTry, UNBIND } from "./demo/story.ts";

const LOG_LINES = 15;
const LOOK_MS = 100;

let stage: Stage | undefined;
let current = "A provider and a consumer start";
/** Set while there is nothing to do but wait for Ctrl-C. */
let endWaiting: (() => void) | undefined;
let interrupted = false;

/** Rejects when the konnector ends by itself, so that no step waits for what cannot come. */
async function watchKonnector(over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const code = stage?.konnector?.exitCode();
    if (code !== undefined)
      throw new Error(`the konnector has ended ${code < 0 ? "by a signal" : `with code ${code}`}`);
    await sleep(LOOK_MS, undefined, { signal: over }).catch(() => undefined);
  }
}

async function whileKonnectorRuns(work: Promise<void>): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([work, watchKonnector(over.signal)]);
  } finally {
    over.abort();
  }
}

async function play(steps: readonly Step[], on: Stage): Promise<void> {
  for (const step of steps) {
    current = step.title;
    heading(step.title);
    await step.play(on);
  }
}

async function keep(on: Stage): Promise<void> {
  current = "Everything is left running";
  heading(`${current} until Ctrl-C. In another terminal, in this directory:`);
  output(
    [
      `provider: ${on.kubeconfigs.provider}`,
      `consumer: ${on.kubeconfigs.consumer}`,
      "",
      `export KUBECONFIG=${Object.values(on.kubeconfigs).join(path.delimiter)}`,
      `export PATH="${path.dirname(on.kubectlPath)}:$PATH"   # unless you have a kubectl of your own`,
      ...toTry(on),
      "",
      `metrics: ${on.konnector?.metricsUrl}/metrics   health: ${on.konnector?.healthUrl}/readyz?verbose`,
      `log:     ${on.konnector?.logFile}`,
    ].join("\n"),
  );
  const ctrlC = new Promise<void>((resolve) => (endWaiting = resolve));
  await whileKonnectorRuns(ctrlC);
  say("Stopping.");
}

async function tell(keepRunning: boolean): Promise<void> {
  say(`${current}, each a real kube-apiserver with its etcd.`);
  const on = (stage = await setStage());
  say(`The provider is ${on.url.provider}, the consumer ${on.url.consumer}.`);
  await whileKonnectorRuns(play(BIND, on));
  if (keepRunning) return keep(on);
  await whileKonnectorRuns(play(UNBIND, on));
  await play(LEAVE, on);
  success("The demo is over: everything that was promised came true.");
}

function report(error: unknown): void {
  const lines = stage?.konnector?.output().trimEnd().split("\n").slice(-LOG_LINES) ?? [];
  const log = lines.length === 0 ? [] : ["", "The konnector's last words:", ...lines];
  failure(`FAILED at the step "${current}"`, [(error as Error).message, ...log].join("\n"));
}

function onSignal(signal: "SIGINT" | "SIGTERM", code: number): void {
  process.on(signal, () => {
    if (endWaiting !== undefined && !interrupted) return endWaiting();
    if (interrupted || stage === undefined) process.exit(code); // what was started ends with us
    interrupted = true;
    say("Interrupted: stopping everything.");
    void stage.stop().finally(() => process.exit(code));
  });
}

/** Undefined if the command line is wrong. */
function wantsToKeep(): boolean | undefined {
  try {
    return parseArgs({ options: { keep: { type: "boolean", default: false } } }).values.keep;
  } catch (error) {
    console.error(`${(error as Error).message}\nusage: npm run demo [-- --keep]`);
    return undefined;
  }
}

async function main(): Promise<number> {
  process.chdir(path.join(import.meta.dirname, ".."));
  const keepRunning = wantsToKeep();
  if (keepRunning === undefined) return 2;
  onSignal("SIGINT", 130);
  onSignal("SIGTERM", 143);
  try {
    await tell(keepRunning);
    return 0;
  } catch (error) {
    if (interrupted) await new Promise(() => undefined); // the handler of the signal ends the process
    report(error);
    return 1;
  } finally {
    await stage?.stop().catch(() => undefined);
  }
}

process.exit(await main());
