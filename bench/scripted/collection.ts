// What lists and watches of the scripted API server are made of: numbered slots, each with one object, the version of its
// last change and its text. The one mass type makes its texts up on the fly (mass.ts), the small kinds keep bodies (small.ts).

export interface Collection {
  apiVersion: string;
  kind: string;
  /** How many slots there are; some may be empty. */
  slots(): number;
  /** Version of the last change; 0: there never was anything. */
  versionOf(slot: number): number;
  isGone(slot: number): boolean;
  /** Is this version the one it was created with? */
  isNew(slot: number): boolean;
  isIn(slot: number, scope: Scope): boolean;
  /** The object as it is, or as it was when it went. */
  text(slot: number): string;
}

/** What a list or watch is asked for. */
export interface Scope {
  /** "" for all. */
  namespace: string;
  /** From a field selector; "" for all. */
  name: string;
  /** From a label selector, equality only. */
  labels: readonly (readonly [name: string, value: string])[];
}

/** One API server's count of changes, and who wants to know of them. */
export interface Ledger {
  version: number;
  changed(collection: Collection, slot: number): void;
}

/** An answer that is no success. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface Answer {
  status: number;
  text: string;
}

export const notFound = (message: string): Refusal => new Refusal(404, "NotFound", message);
export const conflict = (message: string): Refusal => new Refusal(409, "Conflict", message);
export const invalid = (message: string): Refusal => new Refusal(422, "Invalid", message);
/** The konnector asks for what nobody has scripted: a measurement of it would be of something else. */
export const unscripted = (what: string): Refusal => new Refusal(501, "NotImplemented", `not scripted: ${what}`);

export const success = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}`;

export const statusText = ({ status, reason, message }: Refusal): string =>
  JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason, message, code: status });
