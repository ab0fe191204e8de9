// The process of the scripted API servers: a consumer and a provider on one thread, and orders from whoever forked it (script.ts).
// `node bench/scripted/server.ts NUMBER` of objects of the mass type.

import { setTimeout as pause } from "node:timers/promises";
import { startSide } from "./side.ts";
import type { Mass } from "./mass.ts";
import type { Order, Report } from "./script.ts";

/** Milliseconds between two looks at what has arrived on the other side. */
const LOOK = 2;

const size = Number(process.argv[2]);
const consumer = await startSide("consumer", size);
const provider = await startSide("provider", size);

/** Slots all over the type, never the same ones twice in a row. */
let turn = 0;
const nextSlot = (): number => (turn++ * 7_919) % Math.max(1, size);

/** So many changes, at most so many of them on their way at a time, until the last has arrived. */
async function drive(count: number, atATime: number, change: (slot: number) => () => boolean): Promise<void> {
  const onTheirWay: (() => boolean)[] = [];
  for (let begun = 0; begun < count || onTheirWay.length > 0;) {
    while (begun < count && onTheirWay.length < atATime) {
      begun++;
      onTheirWay.push(change(nextSlot()));
    }
    await pause(LOOK);
    const left = onTheirWay.filter((hasArrived) => !hasArrived());
    onTheirWay.splice(0, onTheirWay.length, ...left);
  }
}

const arrives = (from: Mass, to: Mass, read: "editOf" | "turnOf") => (slot: number) => {
  const wanted = from[read](slot);
  return () => to[read](slot) >= wanted;
};
const arrivesAbove = arrives(consumer.mass, provider.mass, "editOf");
const arrivesHere = arrives(provider.mass, consumer.mass, "turnOf");

const report = (): Report => ({
  urls: { consumer: consumer.url, provider: provider.url },
  consumer: consumer.mass.count(),
  provider: provider.mass.count(),
  requests: {
    consumer: Object.fromEntries(consumer.requests),
    provider: Object.fromEntries(provider.requests),
  },
  cpu: process.cpuUsage(),
});

const orders: Record<Order["do"], (order: Order) => unknown> = {
  report: () => undefined,
  fill: () => consumer.mass.fill(),
  fillSynced: () => {
    consumer.mass.fill(true);
    provider.mass.fill(true);
  },
  edit: ({ count = 1, atATime = 1 }) =>
    drive(count, atATime, (slot) => {
      consumer.mass.edit(slot);
      return arrivesAbove(slot);
    }),
  advance: ({ count = 1, atATime = 1 }) =>
    drive(count, atATime, (slot) => {
      provider.mass.advance(slot);
      return arrivesHere(slot);
    }),
  remove: ({ count = 1, atATime = 1 }) =>
    drive(count, atATime, (slot) => {
      if (!consumer.mass.isGone(slot)) consumer.mass.delete(slot, {});
      return () => consumer.mass.isGone(slot) && provider.mass.isGone(slot);
    }),
};

async function obey(order: Order): Promise<void> {
  await orders[order.do](order);
  process.send?.({ ...report(), order: order.number });
}

process.on("message", (order: Order) => void obey(order));
// Whoever gives the orders has gone.
process.on("disconnect", () => process.exit());
process.send?.(report());
