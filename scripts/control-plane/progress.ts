// What the set-up shows while it works: one line per step with its time, and a sign of life every few seconds within a
// long step. On a terminal the sign of life overwrites itself; in a log it is a line every 5 s.

const TICK_MS = process.stdout.isTTY ? 1000 : 5000;

const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(1)} s`;

export const say = (line: string): void => void process.stdout.write(`setup: ${line}\n`);

/** Runs `work` under the heading `title`; `detail` tells what is going on right now. */
export async function step<T>(title: string, detail: () => string, work: () => Promise<T>): Promise<T> {
  const started = Date.now();
  const end = process.stdout.isTTY ? "\x1b[K\r" : "\n";
  if (!process.stdout.isTTY) say(title);
  const ticker = setInterval(() => {
    process.stdout.write(`setup: ${title}: ${detail()}, ${seconds(started)}${end}`);
  }, TICK_MS);
  try {
    const result = await work();
    process.stdout.write(`setup: ${title}: done in ${seconds(started)}${process.stdout.isTTY ? "\x1b[K" : ""}\n`);
    return result;
  } finally {
    clearInterval(ticker);
  }
}
