// Writes Kubernetes Events, best effort: from a bounded queue, one at a time, so that they never hold back a pass. The
// same Event (object, reason, message) is written once an hour; a failure is logged once per cause.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { ApiError, type Clock, type Cluster, type EventSubject, type Log, type Recorder } from "../../actors/ports.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { EVENT_COMPONENT } from "../../crds/labels.ts";

const EVENTS: Resource = { group: "", version: "v1", resource: "events", kind: "Event", namespaced: true };
const LONGEST_MESSAGE = 1_024;
const QUIET = 3_600_000;
const MOST_REMEMBERED = 4_096;
const MOST_WAITING = 1_000;

interface Note {
  about: EventSubject;
  type: "Normal" | "Warning";
  reason: string;
  message: string;
  at: number;
}

/** Names are limited to 253 characters, and no part may end in a hyphen; the suffix makes the Events of one object different. */
const eventName = (name: string, at: number, serial: number): string =>
  `${name.slice(0, 220).replace(/[-.]+$/, "")}.${at.toString(16)}${(serial % 0xffff).toString(16).padStart(4, "0")}`;

const bounded = (message: string): string =>
  message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 1)}…` : message;

const bodyOf = ({ about, type, reason, message, at }: Note, serial: number): Record<string, unknown> => {
  const namespace = about.namespace ?? "default";
  const time = new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: eventName(about.name, at, serial), namespace },
    involvedObject: { ...about },
    type,
    reason,
    message,
    source: { component: EVENT_COMPONENT },
    reportingComponent: EVENT_COMPONENT,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
};

/** Remembers what was said within the last hour; the longest ago forgotten first. */
const createMemory = (): ((text: string, now: number) => boolean) => {
  const said = new Map<string, number>();
  return (text, now) => {
    const before = said.get(text);
    if (before !== undefined && now - before < QUIET) return true;
    said.delete(text);
    said.set(text, now);
    const [oldest] = said.keys();
    if (said.size > MOST_REMEMBERED && oldest !== undefined) said.delete(oldest);
    return false;
  };
};

export const createRecorder = (cluster: Cluster, clock: Clock, log: Log): Recorder => {
  const waiting: Note[] = [];
  const wasSaid = createMemory();
  const wasLogged = createMemory();
  let writing = false;
  let serial = 0;

  const warn = (cause: string, fields: Record<string, unknown>): void => {
    if (!wasLogged(cause, clock.now())) log.warn({ ...fields, cause }, "an Event could not be written");
  };

  const write = async (note: Note): Promise<void> => {
    try {
      await cluster.create(EVENTS, note.about.namespace ?? "default", bodyOf(note, serial++));
    } catch (error) {
      const { message } = error as Error;
      const cause = error instanceof ApiError ? `${error.status} ${error.reason}` : message;
      warn(cause, { reason: note.reason, error: message });
    }
  };

  const drain = async (): Promise<void> => {
    writing = true;
    // Taken in batches: an array is emptied from its end at no cost, from its front at the cost of its length.
    while (waiting.length > 0) for (const note of waiting.splice(0)) await write(note);
    writing = false;
  };

  return {
    event: (about, type, reason, message) => {
      const note = { about, type, reason, message: bounded(message), at: clock.now() };
      if (waiting.length >= MOST_WAITING) return warn("too many Events are waiting", {});
      if (wasSaid(`${about.uid} ${reason} ${note.message}`, note.at)) return;
      waiting.push(note);
      if (!writing) void drain();
    },
  };
};
