// What Secrets hold stays in the clusters: canaries are planted in related Secrets that go both ways, a provider throws back
// what it is sent in every kind of refusal, and then everything that the konnector says to anybody is searched for them. Each
// new place where it says something (a sink) is added here. Rule: docs/reference/behaviour.md, "Related objects".

import type { IncomingMessage, ServerResponse } from "node:http";

import { afterAll, beforeAll, expect, test } from "vitest";

import { BINDINGS, CLUSTER_BINDINGS, CONFIGMAPS, CONNECTIONS, EVENTS, SECRETS } from "../../crds/resources.ts";
import { createHostilePki, type HostileServer, startHostileServer } from "../harness/hostile-server.ts";
import { eventually } from "../harness/wait.ts";
import { conditions, object, READY } from "./conditions.ts";
import { json, refusal } from "./faults.ts";
import { type Landscape, served } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { related, WIDGETS } from "./manifests.ts";
import { at } from "./objects.ts";
import { startRelated } from "./related-objects.ts";
import { makeRoom } from "./rooms.ts";

const CANARY = "canary-7d2f4e-of-a-secret";
const HIDDEN = Buffer.from(CANARY).toString("base64");
const FORMS = [CANARY, HIDDEN, encodeURIComponent(HIDDEN), Buffer.from(HIDDEN).toString("base64")];

let land: Landscape;
let echo: HostileServer;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startRelated({ konnector: { args: ["--log-level", "debug"] } });
  echo = await startHostileServer(land.kubeconfig, await createHostilePki());
});
afterAll(async () => {
  await echo?.stop();
  await land?.stop();
});

const body = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
};

/** Refusals of every sort that is judged apart, each with what was sent in every word of it. */
const REFUSALS = [
  [422, "Invalid"],
  [403, "Forbidden"],
  [500, "InternalError"],
  [409, "Conflict"],
  [404, "NotFound"],
  [400, "BadRequest"],
] as const;

let refused = 0;
const throwBack = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const sent = await body(request);
  const [code, reason] = REFUSALS[refused++ % REFUSALS.length] as (typeof REFUSALS)[number];
  const causes = [{ reason: sent, field: sent, message: sent }];
  json(response, code, { ...refusal(code, reason, `secrets "db" is forbidden: ${sent}`), details: { causes } });
};

/** Binding and namespace of that name, whose Connection leads where the kubeconfig says. */
async function bind(word: string, kubeconfig: string, direction: string): Promise<void> {
  await makeRoom(land, word);
  await down().create(SECRETS, manifests.secret(word, kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(word));
  const relatedResources = [
    related("secrets", direction, { names: ["db"] }),
    related("configmaps", direction, { names: ["db"] }),
  ];
  await down().create(BINDINGS, manifests.binding(word, word, [WIDGETS], { relatedResources }));
  await conditions(down(), BINDINGS, at(word, word), READY);
}

const planted = (namespace: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "db", namespace },
  data: { password: HIDDEN },
});

const everything = async (): Promise<Record<string, string>> => {
  const said = await Promise.all(
    [CONNECTIONS, CLUSTER_BINDINGS, BINDINGS, EVENTS, WIDGETS, CONFIGMAPS].flatMap((type) =>
      [down(), up()].map(async (objects) => JSON.stringify(await objects.list(type))),
    ),
  );
  return {
    log: land.output(),
    metrics: await (await fetch(`${land.konnector.metricsUrl}/metrics`)).text(),
    health: await (await fetch(`${land.konnector.healthUrl}/readyz?verbose`)).text(),
    objects: said.join("\n"),
  };
};

test("nothing that a Secret holds gets into a log line, a metric, an Event, a condition or any object but its copy", async () => {
  await bind("canary-up", land.kubeconfig, "FromConsumer");
  await served(land.consumer, WIDGETS);
  await bind("canary-down", land.kubeconfig, "FromProvider");
  await bind("canary-echo", echo.kubeconfig, "FromConsumer");
  await down().create(SECRETS, planted("canary-up"));
  await up().create(SECRETS, planted("canary-down"));
  await object(up(), SECRETS, at("db", "canary-up"), "to be copied");
  await object(down(), SECRETS, at("db", "canary-down"), "to be copied");

  const isWriteOfSecret = ({ url = "", method }: IncomingMessage) => url.includes("/secrets/db") && method === "PATCH";
  echo.turn({ answer: (request, response) => isWriteOfSecret(request) && (void throwBack(request, response), true) });
  await down().create(SECRETS, planted("canary-echo"));
  // Each edit is another try; each try another sort of refusal.
  for (let edit = 0; edit < REFUSALS.length; edit++) {
    const before = refused;
    await down().merge(SECRETS, at("db", "canary-echo"), { data: { [`edit-${edit}`]: HIDDEN } });
    await eventually("the next refusal", () => refused > before);
  }
  await conditions(down(), BINDINGS, at("canary-echo", "canary-echo"), {
    Synced: { status: "False", message: /secrets/ },
  });
  const sinks = await everything();
  const spilled = Object.entries(sinks).flatMap(([sink, text]) =>
    FORMS.filter((one) => text.includes(one)).map(() => sink),
  );
  expect(spilled).toEqual([]);
  // …and they were asked for something: each of them has a word about these Secrets.
  expect(sinks["log"]).toContain("canary-echo/db");
  expect(sinks["objects"]).toMatch(/it answered 4|it answered 5|refused/);
});
