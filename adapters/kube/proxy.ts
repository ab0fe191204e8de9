// Which HTTPS proxy, if any, stands between us and a server, by the process's environment as Go programs read it:
// HTTPS_PROXY and NO_PROXY (lower case first), NO_PROXY entries being `*`, a name (its subdomains included), a name with
// a leading dot or `*.` (subdomains only), an address or a CIDR, each with an optional port. Loopback is never proxied.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { BlockList, isIP } from "node:net";

type Environment = Readonly<Record<string, string | undefined>>;

const read = (env: Environment, name: string): string => (env[name.toLowerCase()] ?? env[name] ?? "").trim();

const family = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

const inSubnet = (host: string, cidr: string): boolean => {
  const [network = "", prefix = ""] = cidr.split("/");
  const bits = Number(prefix);
  if (isIP(network) === 0 || isIP(host) === 0 || !(bits >= 0 && bits <= 128)) return false;
  try {
    const subnet = new BlockList();
    subnet.addSubnet(network, bits, family(network));
    return subnet.check(host, family(host));
  } catch {
    return false;
  }
};

const matchesName = (host: string, entry: string): boolean => {
  if (entry === "*" || host === entry) return true;
  const suffix = entry.replace(/^\*?\.?/, ".");
  return host.endsWith(suffix);
};

const splitPort = (entry: string): { name: string; port: string } => {
  const match = /^\[(.+)\](?::(\d+))?$/.exec(entry) ?? /^([^:]+):(\d+)$/.exec(entry);
  return { name: match?.[1] ?? entry, port: match?.[2] ?? "" };
};

const bypasses = (noProxy: string, host: string, port: string): boolean =>
  noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const { name, port: only } = splitPort(entry);
      if (only !== "" && only !== port) return false;
      return name.includes("/") ? inSubnet(host, name) : matchesName(host, name);
    });

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);

/** The proxy's URL for requests to `server`, or undefined for a direct connection. Plain http is never proxied. */
export const proxyFor = (server: URL, env: Environment = process.env): string | undefined => {
  const proxy = read(env, "HTTPS_PROXY");
  if (proxy === "" || server.protocol !== "https:") return undefined;
  const host = server.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const port = server.port === "" ? "443" : server.port;
  if (isLoopback(host) || bypasses(read(env, "NO_PROXY"), host, port)) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
};
