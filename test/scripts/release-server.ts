// A stand-in for the official releases: serves an index, an archive of programs that only print their version, and
// kube-controller-manager, each with its checksum (or, on demand, a wrong one).

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

import type { Sources } from "../../scripts/control-plane/download.ts";

const ARCH = process.arch === "x64" ? "amd64" : process.arch;
const VERSION = "v1.34.9";

/** A program that prints its name and version, whatever it is asked. */
const program = (name: string): string => `#!/bin/sh\necho "${name} stand-in"\n`;

const digest = (algorithm: string, bytes: Buffer | string) => createHash(algorithm).update(bytes).digest("hex");

function archive(dir: string): Buffer {
  const bin = path.join(dir, "controller-tools", "envtest");
  mkdirSync(bin, { recursive: true });
  for (const name of ["etcd", "kube-apiserver", "kubectl"]) writeFileSync(path.join(bin, name), program(name));
  spawnSync("tar", ["-czf", path.join(dir, "envtest.tar.gz"), "-C", dir, "controller-tools"]);
  return readFileSync(path.join(dir, "envtest.tar.gz"));
}

export interface ReleaseServer extends Sources {
  stop(): Promise<void>;
}

/** `dir` is for its files; `corrupt` makes every checksum wrong. */
export async function startReleaseServer(dir: string, corrupt = false): Promise<ReleaseServer> {
  const tarball = archive(dir);
  const manager = program("kube-controller-manager");
  const name = `envtest-${VERSION}-${process.platform}-${ARCH}.tar.gz`;
  const managerPath = `/release/${VERSION}/bin/${process.platform}/${ARCH}/kube-controller-manager`;
  let base = "";
  const hash = (algorithm: string, bytes: Buffer | string) => digest(algorithm, corrupt ? "else" : bytes);
  const pages: Record<string, () => Buffer | string> = {
    "/index.yaml": () =>
      `releases:\n  ${VERSION}:\n    ${name}:\n      hash: ${hash("sha512", tarball)}\n      selfLink: ${base}/${name}\n`,
    [`/${name}`]: () => tarball,
    [managerPath]: () => manager,
    [`${managerPath}.sha256`]: () => hash("sha256", manager),
  };
  const server = createServer((request, response) => {
    const page = pages[request.url ?? ""];
    response.statusCode = page ? 200 : 404;
    response.end(page?.());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    index: `${base}/index.yaml`,
    releases: `${base}/release`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
