// A small machine with one of everything that a diagram has to show.

import { setup } from "xstate";

export const smallMachine = setup({
  types: { tags: {} as "resting" },
  guards: { locked: () => false, open: () => true, "is 50% | more": () => true },
  actions: { ring: () => {}, greet: () => {}, count: () => {} },
  delays: { aWhile: 1000 },
}).createMachine({
  id: "small",
  description: "A door, for tests.",
  initial: "closed",
  on: {
    "bell.rung": { actions: "ring" },
    reset: { target: ".closed" },
  },
  states: {
    closed: {
      tags: "resting",
      description: "Nobody | gets in.",
      meta: { room: "hall" },
      on: {
        knock: [
          { guard: "locked", target: "closed", actions: ["ring", "count"] },
          { guard: "is 50% | more", target: "end" },
          { target: "opened" },
        ],
        push: "opened",
      },
      after: { aWhile: "end" },
    },
    opened: {
      initial: "ajar",
      entry: "greet",
      on: { slam: "closed", nudge: ".wide", again: { target: "opened", reenter: true } },
      states: {
        ajar: { entry: ["greet", "count"], exit: "ring", always: { guard: "open", target: "wide" } },
        wide: { on: { "wind; strong": "#small.closed", back: "#small.opened" } },
      },
    },
    lights: {
      type: "parallel",
      states: {
        inside: { initial: "off", states: { off: { on: { switch: "on" } }, on: {} } },
        outside: { initial: "off", states: { off: {} } },
      },
    },
    end: { type: "final" },
  },
});
