// The ways in which a provider can be hostile or broken, each with what its Connection has to say of it. A fault is made
// for a server (test/harness/hostile-server.ts) that otherwise passes everything on.

import type { IncomingMessage, ServerResponse } from "node:http";

import { LABEL } from "../../crds/labels.ts";
import { CANARY_TOKEN, type Fault, type HostilePki } from "../harness/hostile-server.ts";
import type { Expected } from "./conditions.ts";
import type { Body } from "./objects.ts";

export interface Badness {
  title: string;
  word: string;
  fault: (pki: HostilePki) => Fault;
  /** What the Connection says when the provider is so from the beginning. */
  says: Record<string, Expected>;
  /** What it says when the provider turns so while it is engaged. */
  turned: Record<string, Expected>;
}

/** Nothing usable comes: there is no provider. */
const away = (message: RegExp): Pick<Badness, "says" | "turned"> => {
  const says: Record<string, Expected> = {
    SecretValid: { status: "True" },
    Connected: { status: "False", reason: "Pending", message },
    Ready: { status: "False", reason: "Pending", message },
  };
  return { says, turned: says };
};

/** Only the list of definitions is bad: at first nothing is known, later what was known stays. */
const blind = (message: RegExp): Pick<Badness, "says" | "turned"> => ({
  says: {
    Connected: { status: "True" },
    SchemaInSync: { status: "False", reason: "Pending", message },
    Ready: { status: "False", reason: "Pending", message },
  },
  turned: {
    Connected: { status: "True" },
    SchemaInSync: { status: "False", reason: "Pending", message },
    Ready: { status: "True" },
  },
});

export const json = (response: ServerResponse, code: number, body: unknown, headers = {}): void => {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
};

export const refusal = (code: number, reason: string, message: string) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
  message,
});

type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

const always = (answer: Answer) => (): Fault => ({ answer });

const isDefinitions = ({ url = "" }: IncomingMessage): boolean => url.includes("/customresourcedefinitions?");
const isWatch = ({ url = "" }: IncomingMessage): boolean => url.includes("watch=true");

/** Streaming lists are refused, pages of definitions answered like this, everything else passes. */
const lists = (page: (response: ServerResponse, next: string) => void) => (): Fault => ({
  answer: (request, response) => {
    if (!isDefinitions(request)) return false;
    if (isWatch(request)) return json(response, 400, refusal(400, "BadRequest", "no streaming lists here"));
    return page(response, new URL(request.url ?? "", "http://x").searchParams.get("continue") ?? "");
  },
});

/** Streams of definitions are answered like this, everything else passes. */
const streams = (stream: (response: ServerResponse) => void) => (): Fault => ({
  answer: (request, response) => {
    if (!isDefinitions(request) || !isWatch(request)) return false;
    response.writeHead(200, { "content-type": "application/json" });
    stream(response);
    return true;
  },
});

/** Writes without an end, as fast as it is read. */
const forever = (response: ServerResponse, piece: () => string): void => {
  const more = (): void => {
    while (!response.destroyed && response.write(piece()));
    response.once("drain", more);
  };
  more();
};

/** Another one each second. */
const drip = (response: ServerResponse, piece: () => string): void => {
  const timer = setInterval(() => response.write(piece()), 1_000);
  response.on("close", () => clearInterval(timer));
};

const definition = (name: string, description = ""): Body => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${name}.made-up.org`, uid: name, resourceVersion: "1", labels: { [LABEL.exported]: "true" } },
  spec: {
    group: "made-up.org",
    scope: "Namespaced",
    names: { plural: name, singular: name, kind: "Thing", listKind: "ThingList" },
    versions: [
      { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object", description } } },
    ],
  },
});

/** A page with this many definitions; no API server knows that version, so what comes when it is healed is a new list. */
export const made = (count: number, size = 0): Body => ({
  kind: "CustomResourceDefinitionList",
  apiVersion: "apiextensions.k8s.io/v1",
  metadata: { resourceVersion: "made-up" },
  items: Array.from({ length: count }, (_, index) => definition(`thing${index}`, "x".repeat(size))),
});

const LONG = "x".repeat(900_000);
let serial = 0;

export const BADNESS: Badness[] = [
  {
    title: "takes connections and never says a word",
    word: "deaf",
    fault: () => ({ connection: (socket) => socket.resume() }),
    ...away(/no connection could be made in time|did not answer in time/),
  },
  {
    title: "closes every connection at once",
    word: "hangup",
    fault: () => ({ connection: (socket) => socket.destroy() }),
    ...away(/the connection was (reset|closed)/),
  },
  {
    title: "says something else than TLS",
    word: "mailer",
    fault: () => ({ connection: (socket) => socket.end("220 mail.example.org ESMTP ready\r\n") }),
    ...away(/the TLS handshake failed/),
  },
  {
    title: "has a certificate of another authority",
    word: "stranger",
    fault: ({ stranger }) => ({ certificate: stranger }),
    ...away(/not signed by the certificate authority in use/),
  },
  {
    title: "has a certificate that has expired",
    word: "expired",
    fault: ({ expired }) => ({ certificate: expired }),
    ...away(/its certificate has expired/),
  },
  {
    title: "has a certificate that is not valid yet",
    word: "early",
    fault: ({ early }) => ({ certificate: early }),
    ...away(/its certificate is not valid yet/),
  },
  {
    title: "has a certificate for another name",
    word: "elsewhere",
    fault: ({ elsewhere }) => ({ certificate: elsewhere }),
    ...away(/its certificate is for another name/),
  },
  {
    title: "answers nothing",
    word: "silent",
    fault: always(() => undefined),
    ...away(/did not answer in time/),
  },
  {
    title: "answers drop by drop",
    word: "drip",
    fault: always((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      drip(response, () => " ");
    }),
    ...away(/did not answer in time/),
  },
  {
    title: "answers with a page to sign in",
    word: "portal",
    fault: always((_request, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end("<html>Sign in</html>");
    }),
    ...away(/text\/html instead of JSON; is it a Kubernetes API server/),
  },
  {
    title: "is a gateway without a server behind it",
    word: "gateway",
    fault: always((_request, response) => {
      response.writeHead(502, { "content-type": "text/html" });
      response.end(`<html>${LONG}</html>`);
    }),
    ...away(/HTTP status 502/),
  },
  {
    title: "answers everything with 500",
    word: "broken",
    fault: always((_request, response) => json(response, 500, refusal(500, "InternalError", "etcd is on fire"))),
    ...away(/etcd is on fire/),
  },
  {
    title: "answers with half of JSON",
    word: "half",
    fault: always((_request, response) => json(response, 200, '{"kind":"Names')),
    ...away(/its answer is not valid JSON/),
  },
  {
    title: "sends everyone elsewhere",
    word: "redirect",
    fault: always((_request, response) => {
      response.writeHead(307, { location: "https://169.254.169.254/latest/meta-data" });
      response.end();
    }),
    ...away(/a redirect, which is never followed/),
  },
  {
    title: "answers with headers without measure",
    word: "headers",
    fault: always((_request, response) => {
      for (let index = 0; index < 300; index++) response.setHeader(`x-${index}`, "y".repeat(1_000));
      json(response, 200, {});
    }),
    ...away(/it sent too many headers/),
  },
  {
    title: "echoes the credential in a message without measure",
    word: "echo",
    fault: always((request, response) =>
      json(response, 500, refusal(500, "Odd", `\u001b[31m you sent ${request.headers.authorization} ${LONG}`)),
    ),
    ...away(/you sent Bearer \[hidden\] x{500}/),
  },
  {
    title: "lists definitions without an end",
    word: "endless",
    fault: lists((response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write('{"metadata":{"resourceVersion":"1"},"items":[');
      forever(response, () => `${JSON.stringify(definition(`thing${serial++}`))},`);
    }),
    ...blind(/its list holds more objects than we take/),
  },
  {
    title: "lists pages of definitions without an end",
    word: "pages",
    fault: lists((response, next) =>
      json(response, 200, { ...made(0), metadata: { resourceVersion: "1", continue: `${next}x` } }),
    ),
    ...blind(/its list does not end/),
  },
  {
    title: "lists a definition larger than any",
    word: "huge",
    fault: lists((response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write('{"metadata":{"resourceVersion":"1"},"items":[{"spec":"');
      forever(response, () => LONG);
    }),
    ...blind(/its answer is larger than we take/),
  },
  {
    title: "watches with garbage",
    word: "garbage",
    fault: streams((response) => response.write("\u0000\u0001 garbage \ufffd\n")),
    ...blind(/its answer is not what the Kubernetes API answers/),
  },
  {
    title: "watches with a line without an end",
    word: "line",
    fault: streams((response) => forever(response, () => LONG)),
    ...blind(/its answer is larger than we take/),
  },
  {
    title: "watches with definitions that are none",
    word: "odd",
    fault: streams((response) => {
      const event = (object: unknown) => `${JSON.stringify({ type: "ADDED", object })}\n`;
      const odd = { ...definition("odd"), spec: { names: "none" } };
      response.write(event(odd));
      response.write(event({ metadata: { ...definition("one").metadata, resourceVersion: LONG } }));
    }),
    ...blind(/its answer is not what the Kubernetes API answers/),
  },
];

/** What may be said nowhere, whatever a provider sends. */
export const UNSAID = [CANARY_TOKEN, "x".repeat(5_000)];
