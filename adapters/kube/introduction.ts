// A new connection has to introduce itself: before anything else is sent on it, the server at its other end is asked for the
// object by whose UID the cluster is known. So nothing reaches another cluster that has come to answer at the address,
// and no answer of it is taken for that of the pinned one. Speaks just enough HTTP/1.1 to ask one question on a socket
// that is then handed on as it was. Rule: docs/reference/behaviour.md, "Identity".

import type { Socket } from "node:net";
import type { buildConnector } from "undici";
import { AnotherClusterError, ApiError, type Identity, UnreachableError } from "../../actors/ports.ts";
import { isRecord, parseJson } from "../../crds/json.ts";
import type { ErrorMapper } from "./errors.ts";
import type { Answer } from "./exchange.ts";
import { readAnswer } from "./raw-answer.ts";

type Connector = buildConnector.connector;

export interface Introduction {
  /** The connector, whose sockets have introduced themselves. */
  after(connector: Connector): Connector;
  /** Gives up on the sockets that are still being asked. */
  close(): void;
}

export interface Question {
  identity: Identity;
  /** Asked for each connection, because a token may change. */
  request: () => { path: string; headers: Record<string, string | string[]> };
  errors: ErrorMapper;
  host: string;
  milliseconds: number;
  /** The status of the answer, 0 for none. */
  told: (status: number) => void;
}

/** Answers that say something about the credential or the server, whatever is asked: everybody may know them as they are. */
const isGeneral = (status: number): boolean => status === 401 || status === 403 || status === 429 || status >= 500;

const uidIn = (body: string): unknown => {
  try {
    const object: unknown = parseJson(body);
    const metadata = isRecord(object) ? object["metadata"] : undefined;
    return isRecord(metadata) ? metadata["uid"] : undefined;
  } catch {
    return undefined;
  }
};

const headLines = (headers: Record<string, string | string[]>): string[] =>
  Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`));

/** Undefined when it is the cluster that it should be. */
function objection({ identity, errors }: Question, answer: Answer): Error | undefined {
  // What is said of this one object must not be taken for the answer to what is asked afterwards.
  if (answer.status !== 200) {
    const error = errors.fromAnswer(answer);
    const general = error instanceof UnreachableError || (error instanceof ApiError && isGeneral(error.status));
    return general ? error : errors.unreachable(`it does not say which cluster it is: ${error.message}`);
  }
  const found = uidIn(answer.body);
  if (found === identity.uid) return undefined;
  if (typeof found !== "string") return errors.notJson(answer);
  const { message } = errors.unreachable(`another cluster answers there, known by ${found} and not by ${identity.uid}`);
  return new AnotherClusterError(message, found);
}

export function createIntroduction(question: Question): Introduction {
  const asked = new Set<Socket>();

  const ask = async (socket: Socket): Promise<void> => {
    const { path, headers } = question.request();
    const lines = [`GET ${path} HTTP/1.1`, `host: ${question.host}`, "connection: keep-alive", ...headLines(headers)];
    let status = 0;
    try {
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      const answer = await readAnswer(socket, question.milliseconds);
      status = answer.status;
      const error = objection(question, answer);
      if (error !== undefined) throw error;
    } finally {
      question.told(status);
    }
  };

  return {
    after: (connector) => (options, callback) => {
      connector(options, (...[failure, socket]) => {
        if (failure !== null) return callback(failure, null);
        asked.add(socket);
        ask(socket)
          .finally(() => asked.delete(socket))
          .then(
            () => callback(null, socket),
            (error: Error) => {
              socket.destroy();
              callback(error, null);
            },
          );
      });
    },
    close: () => {
      for (const socket of asked) socket.destroy();
    },
  };
}
