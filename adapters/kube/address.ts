// Which addresses an untrusted kubeconfig may lead to. Link-local and cloud metadata addresses hand out credentials of
// the machine we run on, so they are refused as literals and again at each connection, on what the name resolved to.
// Loopback is allowed: a provider may be reached through a sidecar. Behind an HTTPS proxy the proxy resolves the name.
// Rule: docs/reference/behaviour.md, "Kubeconfig allow-list".

import { lookup as resolve, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

const refused = new BlockList();
refused.addSubnet("169.254.0.0", 16, "ipv4");
refused.addSubnet("fe80::", 10, "ipv6");
refused.addAddress("fd00:ec2::254", "ipv6");
refused.addAddress("100.100.100.200", "ipv4");
refused.addAddress("168.63.129.16", "ipv4");
refused.addAddress("192.0.0.192", "ipv4");

/** NAT64 and 6to4 spell an IPv4 address inside an IPv6 one; the rest of IPv6 stands for itself. */
const embeddedIpv4 = (address: string): string | undefined => {
  const groups = expand(address);
  if (groups === undefined) return undefined;
  const dotted = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join(".");
  const at = (index: number): number => groups[index] ?? 0;
  if (at(0) === 0x64 && at(1) === 0xff9b) return dotted(at(6), at(7));
  if (at(0) === 0x2002) return dotted(at(1), at(2));
  return groups.slice(0, 6).every((group) => group === 0) && at(6) !== 0 ? dotted(at(6), at(7)) : undefined;
};

const expand = (address: string): number[] | undefined => {
  try {
    // The URL parser writes any spelling of an IPv6 address in one way, without dots.
    const text = new URL(`http://[${address.split("%")[0]}]`).hostname.slice(1, -1);
    const [head = "", tail] = text.split("::");
    const parse = (part: string): number[] => (part === "" ? [] : part.split(":").map((group) => parseInt(group, 16)));
    const [start, end] = [parse(head), parse(tail ?? "")];
    return tail === undefined ? start : [...start, ...Array<number>(8 - start.length - end.length).fill(0), ...end];
  } catch {
    return undefined;
  }
};

/** Whether a literal address (no brackets) is link-local or that of a metadata service. */
export const isRefusedAddress = (address: string): boolean => {
  if (isIP(address) === 4) return refused.check(address, "ipv4");
  if (isIP(address) !== 6) return false;
  const plain = address.split("%")[0] ?? address;
  const ipv4 = embeddedIpv4(plain);
  return refused.check(plain, "ipv6") || (ipv4 !== undefined && refused.check(ipv4, "ipv4"));
};

/** Whether a URL's host is such an address as it is written; names are judged when they are resolved. */
export const isRefusedHost = (url: URL): boolean => isRefusedAddress(url.hostname.replace(/^\[|\]$/g, ""));

/** `net.connect`'s lookup, failing with code ERR_ADDRESS_REFUSED if the name leads to any refused address. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const first = addresses?.[0];
    if (error !== null || first === undefined) callback(error ?? new Error("no address"), "", 0);
    else if (addresses.some(({ address }) => isRefusedAddress(address)))
      callback(Object.assign(new Error("address refused"), { code: "ERR_ADDRESS_REFUSED" }), "", 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
