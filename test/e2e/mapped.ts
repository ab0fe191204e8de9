// The provider as a test sees it that knows nothing of Mappers, where the konnector puts a prefix before every namespace there
// (test/harness/prefixed-konnector.ts): what a test asks for is asked for under the mapped name, and nothing that comes back
// shows it. So the same suites run under both, in the project `e2e-mapped`.

import path from "node:path";

import type { AdminClient } from "../harness/admin-client.ts";
import type { ControlPlane } from "../harness/control-plane.ts";
import { PREFIX } from "../harness/prefix.ts";
import { GROUP, LEASE_NAMESPACE } from "./manifests.ts";

export const isMapped = process.env["E2E_MAPPER"] === "prefixed";

export const MAPPED_ENTRY = path.join(import.meta.dirname, "..", "harness", "prefixed-konnector.ts");

/** What no Mapper is asked about. */
const ITS_OWN: ReadonlySet<string> = new Set(["", LEASE_NAMESPACE, "kube-system"]);
const mapped = (name: string): string => (ITS_OWN.has(name) ? name : PREFIX + name);

/** Namespaces wherever they stand in it, and the names of objects that have none. */
const pathThere = (asked: string): string =>
  asked
    .replace(/(\/namespaces\/)([^/?]+)/, (_all, before: string, name: string) => before + mapped(name))
    .replace(
      new RegExp(`^(/apis/${GROUP}/[^/]+/[^/?]+/)([^/?]+)(?!.*/namespaces/)`),
      (all: string, before: string, name: string) => (asked.includes("/namespaces/") ? all : before + mapped(name)),
    );

const isNamedThere = (asked: string): boolean =>
  asked === "/api/v1/namespaces" || new RegExp(`^/apis/${GROUP}/[^/]+/[^/?]+$`).test(asked);

/** As text, so that numbers keep their digits. */
function bodyThere(method: string, asked: string, body: unknown): unknown {
  if (body === undefined) return undefined;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const placed = text.replaceAll(/"namespace":"([^"]*)"/g, (_all, name: string) => `"namespace":"${mapped(name)}"`);
  if (method !== "POST" || !isNamedThere(asked)) return placed;
  return placed.replace(/"name":"([^"]*)"/, (_all, name: string) => `"name":"${mapped(name)}"`);
}

const plainText = (text: string): string => text.replaceAll(PREFIX, "");
const plain = <T>(answer: T): T =>
  answer === undefined ? answer : (JSON.parse(plainText(JSON.stringify(answer))) as T);

const mappedAdmin = (admin: AdminClient): AdminClient => ({
  ...admin,
  async request(method, asked, body, type) {
    const answer = await admin.request(method, pathThere(asked), bodyThere(method, asked, body), type);
    return { status: answer.status, body: plain(answer.body), text: plainText(answer.text) };
  },
});

const argumentsThere = (args: string[]): string[] =>
  args.map((argument, index) => (["namespace", "-n"].includes(args[index - 1] ?? "") ? mapped(argument) : argument));

/** Its admin, its kubectl and its audit log speak of things as the consumer calls them. */
export const mappedPlane = (plane: ControlPlane): ControlPlane => ({
  ...plane,
  admin: mappedAdmin(plane.admin),
  kubectl: (args, stdin) => plane.kubectl(argumentsThere(args), stdin),
  auditEvents: async () => plain(await plane.auditEvents()),
});
