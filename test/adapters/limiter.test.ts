// Who may send a request, and when: the rules of adapters/kube/limiter.ts on a clock that tests move. The configured rate is
// tried in limiter-rate.test.ts, what servers see of it in limiter-server.test.ts.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ApiError } from "../../actors/ports.ts";
import { createLimiter, type LimiterReport } from "../../adapters/kube/limiter.ts";
import type { Rate } from "../../adapters/kube/token-bucket.ts";
import { manualClock } from "../actors/manual-clock.ts";

const LONG = 15_000;
const NO_CAP: Rate = { qps: 0, burst: 1 };
const settled = () => new Promise(setImmediate);

/** A limiter on a clock of its own. */
function limited(inFlight: number, rate = NO_CAP) {
  const clock = manualClock(0);
  const told: string[] = [];
  const waits: number[] = [];
  const report: LimiterReport = {
    waited: (milliseconds) => waits.push(milliseconds),
    turnedAway: () => told.push("turned away"),
    throttled: (why) => told.push(`throttled: ${why}`),
    relieved: (milliseconds) => told.push(`relieved after ${milliseconds}`),
  };
  const limiter = createLimiter({ inFlight, rate }, report, clock);
  /** Of the requests that asked: which have gone, in that order, and which have not been let. */
  const gone: string[] = [];
  const refused = new Map<string, ApiError>();
  const ask = async (name: string, most = LONG, isWrite = false): Promise<void> => {
    try {
      await limiter.enter(most, isWrite);
      gone.push(name);
    } catch (error) {
      refused.set(name, error as ApiError);
    }
  };
  const askAll = async (...names: string[]): Promise<void> => {
    for (const name of names) void ask(name);
    await settled();
  };
  const advance = async (milliseconds: number): Promise<void> => {
    clock.advance(milliseconds);
    await settled();
  };
  /** One that was sent now, or so, has been answered. */
  const done = async (sent = clock.now()): Promise<void> => {
    limiter.leave(sent, clock.now(), true, false);
    await settled();
  };
  return { clock, limiter, gone, refused, told, waits, ask, askAll, advance, done };
}

describe("requests in flight", () => {
  it("are never more than the cap; who waits goes in the order of asking, each when another is over", async () => {
    const { limiter, gone, waits, askAll, advance, done } = limited(2);
    await askAll("a", "b", "c", "d", "e");
    expect(gone).toEqual(["a", "b"]);
    expect(limiter).toMatchObject({ limit: 2, inFlight: 2, waiting: 3 });
    await advance(30);
    await done();
    expect(gone).toEqual(["a", "b", "c"]);
    await done();
    await done();
    expect(gone).toEqual(["a", "b", "c", "d", "e"]);
    expect(waits).toEqual([30, 30, 30]);
  });

  it("cost neither a promise nor a timer while there is room", () => {
    const { limiter, clock, waits } = limited(32);
    for (let n = 0; n < 32; n++) expect(limiter.enter(LONG, true)).toBe(0);
    for (let n = 0; n < 32; n++) limiter.leave(0, 0, true, true);
    expect(clock.waiting).toBe(0);
    expect(waits).toEqual([]);
    expect(limiter).toMatchObject({ limit: 32, inFlight: 0, waiting: 0 });
  });

  it("are asked for in vain by nobody: who has waited as long as he can is told to come again", async () => {
    const { clock, gone, refused, told, ask, askAll, advance, done } = limited(1);
    await askAll("a");
    void ask("short", 1_000);
    void ask("long");
    await advance(999);
    expect(refused.size).toBe(0);
    await advance(1);
    expect(refused.get("short")).toMatchObject({ status: 429, retryAfter: 1, isOfServer: false });
    expect(told).toEqual(["turned away"]);
    await done();
    expect(gone).toEqual(["a", "long"]);
    await advance(LONG);
    expect(clock.waiting).toBe(0);
  });
});

describe("a server that has too much to do", () => {
  const busy = (on: ReturnType<typeof limited>, seconds: number, sent = on.clock.now()) => {
    on.limiter.refused(sent, seconds, "slow down");
    on.limiter.leave(sent, on.clock.now(), false, false);
  };

  it("is sent nothing until it said, to the millisecond, and then half of what it was sent", async () => {
    const on = limited(4);
    await on.askAll("a", "b", "c", "d");
    busy(on, 7);
    await on.askAll("e", "f", "g", "h", "i");
    await on.advance(6_999);
    for (let n = 0; n < 3; n++) await on.done(-1);
    expect(on.gone).toEqual(["a", "b", "c", "d"]);
    await on.advance(1);
    expect(on.gone).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(on.limiter).toMatchObject({ limit: 2, inFlight: 2, waiting: 3 });
  });

  it("is heard when it says more, and does not take back what it said", async () => {
    const on = limited(4);
    await on.askAll("a", "b", "c");
    busy(on, 2);
    await on.advance(1_000);
    busy(on, 1, 0);
    busy(on, 3, 0);
    busy(on, 1, 0);
    await on.askAll("d");
    await on.advance(2_999);
    expect(on.gone).toHaveLength(3);
    await on.advance(1);
    expect(on.gone).toHaveLength(4);
  });

  it("halves once for all requests of a burst, again for one that was sent since; all is as before after good answers", async () => {
    const on = limited(8);
    await on.askAll(..."abcdefgh");
    for (let n = 0; n < 8; n++) busy(on, 1);
    expect(on.limiter.limit).toBe(4);
    await on.advance(1_000);
    await on.askAll("i");
    await on.advance(10);
    busy(on, 1, 1_000);
    expect(on.limiter.limit).toBe(2);
    await on.advance(1_000);
    for (let n = 0; n < 100; n++) {
      expect(on.limiter.enter(LONG, true)).toBe(0);
      await on.done();
    }
    expect(on.limiter.limit).toBe(8);
    // Told once that it began, and once that it was over.
    expect(on.told).toEqual(["throttled: slow down", "relieved after 2010"]);
  });

  it("tells at once who would wait too long for it, in its own words; writes, who would wait for more than a moment", async () => {
    const on = limited(16);
    await on.askAll("a");
    void on.ask("kept", LONG, true);
    busy(on, 10);
    void on.ask("write", LONG, true);
    void on.ask("hurried", 9_999);
    void on.ask("patient", LONG);
    await on.advance(1);
    for (const name of ["write", "hurried"]) {
      expect(on.refused.get(name)).toMatchObject({ status: 429, retryAfter: 10, isOfServer: false });
      expect(on.refused.get(name)?.message).toMatch(/wants to be left in peace: slow down$/);
    }
    expect(on.gone).toEqual(["a", "kept"]);
    await on.advance(9_999);
    expect(on.gone).toEqual(["a", "kept", "patient"]);
    busy(on, 2);
    void on.ask("brief", LONG, true);
    await on.advance(2_000);
    expect(on.gone.at(-1)).toBe("brief");
  });

  it("tells those who wait already when it comes to want its peace for longer than they can", async () => {
    const on = limited(1);
    await on.askAll("a");
    void on.ask("write", LONG, true);
    void on.ask("read", LONG);
    await settled();
    busy(on, 3);
    await settled();
    expect([...on.refused.keys()]).toEqual(["write"]);
    await on.advance(3_000);
    expect(on.gone).toEqual(["a", "read"]);
  });

  it("is waited for by whoever has only to know that it is over", async () => {
    const on = limited(4);
    let rested = 0;
    const rest = () => void on.limiter.peace().then(() => rested++);
    rest();
    await settled();
    expect(rested).toBe(1);
    await on.askAll("a");
    busy(on, 5);
    rest();
    await on.advance(4_999);
    expect(rested).toBe(1);
    await on.advance(1);
    expect(rested).toBe(2);
  });

  it("is believed although it is sent one request at a time anyway, and told of once", async () => {
    const on = limited(1);
    for (let n = 0; n < 3; n++) {
      await on.askAll("a");
      busy(on, 1);
      await on.advance(1_000);
    }
    await on.askAll("a");
    await on.done();
    expect(on.told).toEqual(["throttled: slow down", "relieved after 3000"]);
  });
});

describe("a limiter", () => {
  it("that is closed holds nobody back, and leaves no timer", async () => {
    const on = limited(1);
    await on.askAll("a", "b", "c");
    on.limiter.refused(0, 60, "slow down");
    let rested = false;
    void on.limiter.peace().then(() => (rested = true));
    on.limiter.close();
    on.limiter.refused(0, 60, "slow down");
    await on.askAll("d");
    expect(on.gone).toEqual(["a", "d"]);
    expect([...on.refused.keys()]).toEqual(["b", "c"]);
    expect(rested).toBe(true);
    expect(on.clock.waiting).toBe(0);
  });

  it("with a cap on the rate keeps it while a pause ends, too: what could not go then goes no faster later", async () => {
    const on = limited(32, { qps: 10, burst: 2 });
    on.limiter.refused(0, 2, "slow down");
    await on.askAll(..."abcdef");
    await on.advance(2_000);
    expect(on.gone).toHaveLength(2);
    await on.advance(100);
    expect(on.gone).toHaveLength(3);
    await on.advance(300);
    expect(on.gone).toHaveLength(6);
  });
});

type Command =
  | { do: "ask"; most: number; isWrite: boolean }
  | { do: "finish"; which: number; how: "answered" | "failed" }
  | { do: "refuse"; which: number; seconds: number }
  | { do: "advance"; milliseconds: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("ask"), most: fc.integer({ min: 1, max: 15_000 }), isWrite: fc.boolean() }) }, // prettier-ignore
  { weight: 3, arbitrary: fc.record({ do: fc.constant("finish"), which: fc.nat(), how: fc.constantFrom("answered", "failed") }) }, // prettier-ignore
  { weight: 1, arbitrary: fc.record({ do: fc.constant("refuse"), which: fc.nat(), seconds: fc.integer({ min: 1, max: 20 }) }) }, // prettier-ignore
  { weight: 3, arbitrary: fc.record({ do: fc.constant("advance"), milliseconds: fc.integer({ min: 1, max: 8_000 }) }) },
);

const caps = fc.record({ inFlight: fc.integer({ min: 1, max: 6 }), qps: fc.constantFrom(0, 0, 1, 3, 50), burst: fc.integer({ min: 1, max: 4 }) }); // prettier-ignore

describe("whatever is asked, answered and refused in whatever order", () => {
  it("no cap is exceeded, nothing goes while the server wants its peace, nobody overtakes, nobody waits in vain", async () => {
    await fc.assert(
      fc.asyncProperty(
        caps,
        fc.array(command, { maxLength: 60, size: "max" }),
        async ({ inFlight, qps, burst }, commands) => {
          const clock = manualClock(0);
          const flying: number[] = [];
          const sent: number[] = [];
          let peaceUntil = 0;
          let granted = 0;
          /** Called at the very moment that a request may go. */
          const go = (): void => {
            granted++;
            sent.push(clock.now());
            expect(clock.now()).toBeGreaterThanOrEqual(peaceUntil);
            expect(limiter.inFlight).toBeLessThanOrEqual(Math.min(inFlight, limiter.limit));
          };
          const limiter = createLimiter({ inFlight, rate: { qps, burst } }, { waited: go }, clock);
          const order: number[] = [];
          const open = new Map<number, number>();
          let asked = 0;
          const run = (one: Command): void => {
            if (one.do === "ask") {
              const id = asked++;
              open.set(id, clock.now() + one.most);
              const turn = limiter.enter(one.most, one.isWrite);
              if (typeof turn === "number") go();
              void Promise.resolve(turn).then(
                () => (open.delete(id), order.push(id), flying.push(clock.now())),
                (error: ApiError) => (open.delete(id), expect(error.status).toBe(429)),
              );
            } else if (one.do === "advance") clock.advance(one.milliseconds);
            else if (flying.length > 0) {
              const [since = 0] = flying.splice(one.which % flying.length, 1);
              if (one.do === "refuse") {
                peaceUntil = Math.max(peaceUntil, clock.now() + one.seconds * 1_000);
                limiter.refused(since, one.seconds, "slow down");
              }
              limiter.leave(since, clock.now(), one.do === "finish" && one.how === "answered", true);
            }
          };
          for (const one of commands) {
            run(one);
            await settled();
            for (const until of open.values()) expect(until).toBeGreaterThan(clock.now());
            const isHeldBack = limiter.inFlight >= limiter.limit || clock.now() < peaceUntil || qps > 0;
            expect(limiter.waiting === 0 || isHeldBack).toBe(true);
          }
          // Those who are turned away leave their place; the others come in the order in which they asked.
          expect(order).toEqual(order.toSorted((a, b) => a - b));
          expect(order).toHaveLength(granted);
          if (qps > 0)
            for (const [index, at] of sent.entries()) {
              const within = sent.slice(index).filter((other) => other - at < 1_000).length;
              expect(within).toBeLessThanOrEqual(burst + qps);
            }
          clock.advance(60_000);
          await settled();
          expect(open.size).toBe(0);
          limiter.close();
          expect(clock.waiting).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
