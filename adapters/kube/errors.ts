// Turns what came back, or did not, into ApiError and UnreachableError with a sentence a user can act on. Promises that
// no credential of the access and no text of unbounded length gets into an error, whatever a server answers.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { ApiError, UnreachableError } from "../../actors/ports.ts";
import { isRecord, type Json, parseJson } from "../../crds/json.ts";
import { type Answer, contentType } from "./exchange.ts";
import { currentToken, type ServerAccess } from "./server-access.ts";

const LONGEST_MESSAGE = 2_048;

/** Seconds: who is told to wait for years would never notice that the server is well again. */
const LONGEST_WAIT = 600;

/** Judges the answers of one server; `origin` stands in every UnreachableError. */
export interface ErrorMapper {
  /** An answer that is no success: a Status, plain text, a redirect, a page. */
  fromAnswer(answer: Answer): ApiError | UnreachableError;
  /** A success whose body cannot be read as JSON. */
  notJson(answer: Answer): UnreachableError;
  /** The Status object of an ERROR event. */
  fromStatus(status: unknown): ApiError;
  /** A request that ended without an answer. */
  fromFailure(failure: unknown): ApiError | UnreachableError;
  unreachable(problem: string, retryAfter?: number): UnreachableError;
}

const CAUSES: Record<string, string> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ENOTFOUND: "its name cannot be resolved",
  EAI_AGAIN: "its name cannot be resolved at the moment",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
  ETIMEDOUT: "the connection timed out",
  ERR_ADDRESS_REFUSED: "its name leads to a link-local or metadata address, which is refused",
  UND_ERR_CONNECT_TIMEOUT: "no connection could be made in time",
  UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
  UND_ERR_BODY_TIMEOUT: "its answer stopped half-way",
  UND_ERR_SOCKET: "the connection was closed",
  UND_ERR_INFO: "the connection was closed",
  UND_ERR_ABORTED: "the request was aborted",
  UND_ERR_DESTROYED: "the client was closed",
  UND_ERR_CLOSED: "the client was closed",
  UND_ERR_HEADERS_OVERFLOW: "it sent too many headers",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "its answer was cut short",
  HPE: "it does not speak HTTP",
  ERR_CONNECTION_ENDS: "it ends each connection after one answer, so that none can be known to lead to this cluster",
  ERR_ANSWER_TOO_LARGE: "its answer is larger than we take",
  ERR_LIST_WITHOUT_END: "its list does not end",
  ERR_LIST_TOO_LONG: "its list holds more objects than we take",
  ERR_NOT_KUBERNETES: "its answer is not what the Kubernetes API answers",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

const UNTRUSTED =
  /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|CERT_|INVALID_CA|CERTIFICATE_VERIFY_FAILED)/;

const codeOf = (failure: unknown): string => {
  if (typeof failure !== "object" || failure === null) return "";
  const { name, code, cause, errors } = failure as {
    name?: unknown;
    code?: unknown;
    cause?: unknown;
    errors?: unknown;
  };
  if (name === "HTTPParserError") return "HPE";
  if (typeof code === "string" && code !== "") return code;
  return codeOf(cause) || codeOf(Array.isArray(errors) ? errors[0] : undefined);
};

const causeOf = (failure: unknown): string => {
  const code = codeOf(failure);
  const known = CAUSES[code];
  if (known !== undefined) return known;
  if (UNTRUSTED.test(code)) return `its certificate is not signed by the certificate authority in use (${code})`;
  if (/^ERR_SSL_|^ERR_TLS_|^EPROTO$/.test(code)) return `the TLS handshake failed (${code})`;
  return code === "" ? "the request failed" : `the request failed (${code})`;
};

const text = (value: Json | undefined): string | undefined => (typeof value === "string" ? value : undefined);

const bounded = (seconds: number): number => Math.min(seconds, LONGEST_WAIT);

/** Seconds of a Retry-After header: a number of seconds or an HTTP date. */
const retryAfterSeconds = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined;
  const trimmed = header.trim();
  if (/^\d+$/.test(trimmed)) return bounded(Number(trimmed));
  const date = /[a-z]/i.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  return Number.isNaN(date) ? undefined : bounded(Math.max(0, Math.ceil((date - now) / 1_000)));
};

const statusIn = (answer: Answer): Json | undefined => {
  if (!contentType(answer).endsWith("json")) return undefined;
  try {
    return parseJson(answer.body) as Json;
  } catch {
    return undefined;
  }
};

/**
 * An API server that turns requests away before any API sees them (priority and fairness, too many in flight, a shutdown) does so in
 * plain text. A Status on an answer that bears its mark comes from behind that: from the storage of one API, from admission.
 */
const isOfHandler = (answer: Answer): boolean => answer.headers["audit-id"] !== undefined;

export const createErrorMapper = (access: ServerAccess): ErrorMapper => {
  const clean = (message: string): string => {
    const token = currentToken(access);
    const hidden = token === undefined ? message : message.replaceAll(token, "[hidden]");

    const printable = hidden
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ")
      .trim();
    const short = printable.length > LONGEST_MESSAGE ? `${printable.slice(0, LONGEST_MESSAGE)}…` : printable;
    // Half a character comes back from an API server as another one, and then a status never says what was written.
    return short.toWellFormed();
  };

  const unreachable = (problem: string, retryAfter?: number): UnreachableError =>
    new UnreachableError(clean(`${access.server.origin} cannot be used: ${problem}`), retryAfter);

  const asCauses = (details: Json | undefined): ApiError["causes"] => {
    const causes = isRecord(details) ? details["causes"] : undefined;
    return (Array.isArray(causes) ? causes : [])
      .filter(isRecord)
      .slice(0, 100)
      .map((cause) => ({
        reason: clean(text(cause["reason"]) ?? "") || undefined,
        field: clean(text(cause["field"]) ?? "") || undefined,
        message: clean(text(cause["message"]) ?? ""),
      }));
  };

  const statusError = (status: Json | undefined, code: number, retryAfter?: number, isOfServer = false): ApiError => {
    const fields = isRecord(status) && status["kind"] === "Status" ? status : {};
    const details = fields["details"];
    const seconds = isRecord(details) ? details["retryAfterSeconds"] : undefined;
    return new ApiError(clean(text(fields["message"]) ?? `the server answered with HTTP status ${code}`), {
      status: code,
      reason: clean(text(fields["reason"]) ?? ""),
      causes: asCauses(details),
      retryAfter: retryAfter ?? (typeof seconds === "number" && seconds > 0 ? bounded(seconds) : undefined),
      isOfServer,
    });
  };

  const plainError = (answer: Answer): ApiError =>
    new ApiError(clean(answer.body) || `the server answered with HTTP status ${answer.status}`, {
      status: answer.status,
      retryAfter: retryAfterSeconds(answer.headers["retry-after"], Date.now()),
      isOfServer: true,
    });

  return {
    unreachable,
    notJson: (answer) =>
      unreachable(
        contentType(answer).endsWith("json")
          ? "its answer is not valid JSON"
          : `it answered with ${contentType(answer) || "something else"} instead of JSON; is it a Kubernetes API server?`,
      ),
    fromAnswer: (answer) => {
      if (answer.status < 300)
        return unreachable(`it answered with HTTP status ${answer.status}, which means nothing here`);
      if (answer.status < 400)
        return unreachable(`it answered with HTTP status ${answer.status}, a redirect, which is never followed`);
      const status = statusIn(answer);
      if (isRecord(status) && status["kind"] === "Status")
        return statusError(
          status,
          answer.status,
          retryAfterSeconds(answer.headers["retry-after"], Date.now()),
          !isOfHandler(answer),
        );
      if (contentType(answer) === "text/html" || answer.status === 502 || answer.status === 504)
        return unreachable(
          `it answered with HTTP status ${answer.status} and a page that is no API server's`,
          retryAfterSeconds(answer.headers["retry-after"], Date.now()),
        );
      return plainError(answer);
    },
    fromStatus: (status) => {
      const code = isRecord(status) && typeof status["code"] === "number" ? status["code"] : 500;
      return statusError(status as Json, code);
    },
    fromFailure: (failure) =>
      failure instanceof ApiError || failure instanceof UnreachableError ? failure : unreachable(causeOf(failure)),
  };
};
