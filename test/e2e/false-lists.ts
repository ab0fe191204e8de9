// Lists that are wrong: an API server, or what stands before it, that answers with a complete list in which objects are missing,
// or breaks off in the middle of one. Stands between the konnector and a real API server, alters the lists of the named types,
// as a stream or in pages, and passes everything else on as it is. Turning has every watch begin anew with a list.

import { Transform } from "node:stream";

import type { Passing, RewritingProxy } from "../harness/rewriting-proxy.ts";
import { startRewritingProxy } from "../harness/rewriting-proxy.ts";

/** empty: complete, with nothing in it. half: complete, every other object is missing. cut: breaks off in the middle. */
export type Lie = "empty" | "half" | "cut";

/** How lists are given: in pages means that streaming is refused. */
export type Manner = "as a stream" | "in pages";

export interface FalseLists {
  /** For the konnector. */
  kubeconfig: string;
  /** From now on the lists of these types, by plural, are told like this; all others are as they are. Ends every connection. */
  tell(lies: Record<string, Lie>, manner?: Manner): void;
  /** How many lists of the type have been told falsely since the last turn. */
  told(plural: string): number;
  stop(): Promise<void>;
}

interface Asked {
  plural: string;
  isWatch: boolean;
  /** A watch that begins with a list. */
  isStreaming: boolean;
}

/** Undefined for what is no list: the last part of its path is no plural that anything is told of. */
function asked({ method, path }: Passing): Asked | undefined {
  if (method !== "GET") return undefined;
  const { pathname, searchParams } = new URL(path, "https://here");
  return {
    plural: pathname.slice(pathname.lastIndexOf("/") + 1),
    isWatch: searchParams.get("watch") === "true",
    isStreaming: searchParams.get("sendInitialEvents") === "true",
  };
}

const status = (code: number, reason: string) => ({
  status: code,
  body: { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message: `told so: ${reason}` },
});

/** Objects of a list that breaks off that come through. */
const BEFORE_THE_END = 2;

const isShown = (lie: Lie, index: number): boolean => lie === "cut" || (lie === "half" && index % 2 === 0);

const failing = (): Error => new Error("breaks off");

/** The events of a streaming list; after its end everything passes. */
function stream(lie: Lie): Transform {
  let rest = "";
  let index = 0;
  let isInitial = true;
  const passes = (line: string): boolean => {
    if (line.includes("k8s.io/initial-events-end")) isInitial = false;
    return !isInitial || line.trim() === "" || isShown(lie, index++);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString("utf8")).split("\n");
      rest = lines.pop() ?? "";
      const kept = lines.filter(passes).map((line) => `${line}\n`);
      if (lie !== "cut" || index <= BEFORE_THE_END) return done(null, kept.join(""));
      this.push(kept.slice(0, BEFORE_THE_END).join(""), "utf8");
      setImmediate(() => done(failing()));
    },
  });
}

/** One page. */
function page(lie: Lie): Transform {
  const chunks: Buffer[] = [];
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
    flush(done) {
      const text = Buffer.concat(chunks).toString("utf8");
      if (lie === "cut") {
        this.push(text.slice(0, text.length / 2));
        setImmediate(() => done(failing()));
        return;
      }
      const list = JSON.parse(text) as { items?: unknown[] };
      done(null, JSON.stringify({ ...list, items: (list.items ?? []).filter((_, index) => isShown(lie, index)) }));
    },
  });
}

/** `upstream`: the kubeconfig of the konnector's user. */
export async function startFalseLists(upstream: string): Promise<FalseLists> {
  let lies: Record<string, Lie> = {};
  let manner: Manner = "as a stream";
  let counts = new Map<string, number>();
  /** Watches that were told since the turn that what they go on from is gone. */
  let renewed = new Set<string>();

  const resumed = (request: Passing): boolean => {
    const { pathname } = new URL(request.path, "https://here");
    if (renewed.has(pathname)) return false;
    renewed.add(pathname);
    return true;
  };

  const proxy: RewritingProxy = await startRewritingProxy(upstream, (request) => {
    const about = asked(request);
    if (about === undefined) return request;
    if (about.isWatch && !about.isStreaming) return resumed(request) ? status(410, "Expired") : request;
    if (about.isStreaming && manner === "in pages") return status(400, "BadRequest");
    const lie = lies[about.plural];
    if (lie === undefined) return request;
    counts.set(about.plural, (counts.get(about.plural) ?? 0) + 1);
    const { "accept-encoding": _encoding, ...headers } = request.headers;
    return { ...request, headers, through: about.isStreaming ? stream(lie) : page(lie) };
  });

  return {
    kubeconfig: proxy.kubeconfig(),
    tell(next, how = manner) {
      lies = next;
      manner = how;
      counts = new Map();
      renewed = new Set();
      proxy.cut();
    },
    told: (plural) => counts.get(plural) ?? 0,
    stop: () => proxy.stop(),
  };
}
