// What the konnector was seen to ask of both API servers, from their audit logs: the ground truth of every claim about the
// number and the kind of its requests.

import type { Write } from "./audit-policy.ts";
import type { Landscape, Side } from "./landscape.ts";
import { KONNECTOR_USER } from "./rights.ts";

export interface Traffic {
  consumer: Write[];
  provider: Write[];
}

const READS = new Set(["get", "list", "watch"]);

export const isWrite = ({ verb }: Write): boolean => !READS.has(verb);

/** Also other users of a test that stand in for it; a request whose credential was refused has no user. */
export const isKonnectors = ({ user }: Write): boolean => user.username?.startsWith(KONNECTOR_USER) ?? false;

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

/** Without the small request that shows whether a server still answers, and without watches that are renewed. */
export function withoutHeartbeat({ consumer, provider }: Traffic): Traffic {
  const counts = ({ verb, requestURI }: Write) => requestURI !== "/version" && verb !== "watch";
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
