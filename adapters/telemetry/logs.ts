// The structured log of the process, on pino: one JSON line per entry. Whoever logs keeps bodies and credentials out;
// the redaction here, by field name, is the second line of defence and no licence.

import pino, { type DestinationStream } from "pino";
import type { Log } from "../../actors/ports.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SECRET_FIELD = /token|kubeconfig|password|secret-?data|^data$|^stringData$|authorization|-data$|private-?key/i;
/** A Secret's or kubeconfig's name and place are what a log is for. */
const HARMLESS = /^(?:kubeconfigSecretRef|kubeconfigSource)$/;
const HIDDEN = "[hidden]";
const DEEPEST = 6;

const hide = (value: unknown, depth = 0): unknown => {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return describe(value);
  if (depth >= DEEPEST) return "[deep]";
  if (Array.isArray(value)) return value.map((item) => hide(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) =>
      SECRET_FIELD.test(field) && !HARMLESS.test(field) ? [field, HIDDEN] : [field, hide(inner, depth + 1)],
    ),
  );
};

/** An error's own fields may hold anything, an HTTP library's request for one: name, message and code are enough. */
const describe = (error: Error): Record<string, unknown> => {
  const { code, status, reason } = error as Error & { code?: unknown; status?: unknown; reason?: unknown };
  return { type: error.name, message: error.message, code, status, reason, stack: error.stack };
};

/** Writes to standard output unless a destination is given. */
export const createLog = (level: LogLevel, destination?: DestinationStream): Log => {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (fields) => hide(fields) as Record<string, unknown> },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
};
