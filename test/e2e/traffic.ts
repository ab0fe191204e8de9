// What the konnector was seen to ask of both API servers, from their audit logs: the ground truth of every claim about the
// number and the kind of its requests.

import { LEASES } from "../../crds/resources.ts";
import type { Write } from "./audit-policy.ts";
import type { Landscape, Side } from "./landscape.ts";
import { GROUP } from "./manifests.ts";
import { KONNECTOR_USER } from "./rights.ts";

export interface Traffic {
  consumer: Write[];
  provider: Write[];
}

const READS = new Set(["get", "list", "watch"]);

/** The sign of life on a provider, which a settled system goes on giving. */
const isRenewal = ({ verb, objectRef }: Write): boolean => objectRef?.resource === LEASES.resource && verb === "update";

/** A review is a question put as a POST: nothing is kept of it. */
const isReview = ({ objectRef }: Write): boolean => objectRef?.apiGroup === "authorization.k8s.io";

export const isWrite = (event: Write): boolean => !READS.has(event.verb) && !isRenewal(event) && !isReview(event);

/** Also other users of a test that stand in for it; a request whose credential was refused has no user. */
export const isKonnectors = ({ user }: Write): boolean =>
  user.username?.replace(/^system:serviceaccount:[^:]+:/, "").startsWith(KONNECTOR_USER) ?? false;

const logOf = ({ plane }: Side): Promise<Write[]> => plane.auditEvents();

/** Everything logged so far, whoever asked. */
export async function traffic({ consumer, provider }: Landscape): Promise<Traffic> {
  const [above, below] = await Promise.all([logOf(provider), logOf(consumer)]);
  return { consumer: below, provider: above };
}

/** The konnector's requests from now on: the returned function tells those that have been answered until it is called. */
export async function listen(landscape: Landscape): Promise<() => Promise<Traffic>> {
  const before = await traffic(landscape);
  return async () => {
    const after = await traffic(landscape);
    const fresh = (side: keyof Traffic) => after[side].slice(before[side].length).filter(isKonnectors);
    return { consumer: fresh("consumer"), provider: fresh("provider") };
  };
}

/** Requests of the konnector that were answered with 403, from the first on. */
export async function refusals(landscape: Landscape): Promise<string[]> {
  const { consumer, provider } = await traffic(landscape);
  const refused = (event: Write) => isKonnectors(event) && event.responseStatus?.code === 403;
  return [...consumer, ...provider].filter(refused).map(describe);
}

/** What shows whether a server still answers, and, once for each new connection, which cluster it is. */
const GREETINGS: ReadonlySet<string> = new Set(["/version", "/api/v1/namespaces/kube-system"]);

/** Without the small requests that show whether a server, or we ourselves, still live, and without renewed watches. */
export function withoutHeartbeat({ consumer, provider }: Traffic): Traffic {
  const counts = ({ verb, requestURI, objectRef }: Write) =>
    !GREETINGS.has(requestURI) && verb !== "watch" && objectRef?.resource !== LEASES.resource;
  return { consumer: consumer.filter(counts), provider: provider.filter(counts) };
}

/** One line per request, in order: "provider patch widgets/status amber/one". */
export const lines = (events: Traffic): string[] =>
  (["consumer", "provider"] as const)
    .flatMap((side) => events[side].map((event) => ({ event, line: `${side} ${describe(event)}` })))
    .sort((a, b) => (a.event.requestReceivedTimestamp < b.event.requestReceivedTimestamp ? -1 : 1))
    .map(({ line }) => line);

export const describe = ({ verb, objectRef, requestURI }: Write): string => {
  if (objectRef?.resource === undefined) return `${verb} ${requestURI}`;
  const { resource, subresource, namespace, name } = objectRef;
  const place = [namespace, name].filter((part) => part !== undefined).join("/");
  return `${verb} ${resource}${subresource ? `/${subresource}` : ""} ${place}`.trim();
};

/** What is asked while nothing happens: everything but watches that are renewed and looks at instances in conflict. */
export const idleRequests = (events: Write[]): string[] =>
  events.filter(({ verb, objectRef }) => verb !== "watch" && objectRef?.apiGroup !== GROUP).map(describe);
