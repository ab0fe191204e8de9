// Which cluster is this? The cluster is a fake that answers as told: no API server at hand serves a LogicalCluster, and
// what a failing one answers is the point.

import { describe, expect, it } from "vitest";
import { identityOf } from "../../actors/identity.ts";
import { ApiError, type Cluster, UnreachableError } from "../../actors/ports.ts";
import type { Key, KubeObject, Resource } from "../../crds/kube-object.ts";

type Answer = string | Error;

/** Answers with the uid, or rejects; remembers what it was asked. */
const fakeCluster = (answers: { groups: string[] | Error; logicalCluster?: Answer; kubeSystem?: Answer }) => {
  const asked: string[] = [];
  const answer = (told: Answer | undefined): KubeObject => {
    if (told === undefined) throw new Error("not to be asked");
    if (typeof told !== "string") throw told;
    return { apiVersion: "v1", kind: "Any", metadata: { name: "any", uid: told, resourceVersion: "1" } };
  };
  const cluster = {
    async groups() {
      if (answers.groups instanceof Error) throw answers.groups;
      return answers.groups;
    },
    async get({ group, resource }: Resource, { namespace, name }: Key) {
      asked.push(`${group}/${resource} ${namespace}/${name}`);
      return answer(resource === "logicalclusters" ? answers.logicalCluster : answers.kubeSystem);
    },
  };
  return { cluster: cluster as unknown as Cluster, asked };
};

const clusterUid = async (cluster: Cluster): Promise<string> => (await identityOf(cluster)).uid;

const refused = (status: number) => new ApiError(`answered ${status}`, { status });
const KCP = ["", "core.kcp.io"];
const LOGICAL = "core.kcp.io/logicalclusters /cluster";
const SYSTEM = "/namespaces /kube-system";

describe("a cluster's identity", () => {
  it("is its LogicalCluster's where that is served, and nothing else is asked for", async () => {
    const { cluster, asked } = fakeCluster({ groups: KCP, logicalCluster: "logical" });
    expect(await clusterUid(cluster)).toBe("logical");
    expect(asked).toEqual([LOGICAL]);
  });

  it("is kube-system's where no LogicalCluster is served, without asking for one", async () => {
    const { cluster, asked } = fakeCluster({ groups: ["", "apps"], kubeSystem: "system" });
    expect(await clusterUid(cluster)).toBe("system");
    expect(asked).toEqual([SYSTEM]);
  });

  it("is kube-system's where the group is served but no such object exists", async () => {
    const { cluster, asked } = fakeCluster({ groups: KCP, logicalCluster: refused(404), kubeSystem: "system" });
    expect(await clusterUid(cluster)).toBe("system");
    expect(asked).toEqual([LOGICAL, SYSTEM]);
  });

  it.each([refused(401), refused(403), refused(429), refused(500), refused(503), new UnreachableError("reset")])(
    "is never another one because the LogicalCluster could not be read: %s",
    async (error) => {
      const { cluster, asked } = fakeCluster({ groups: KCP, logicalCluster: error, kubeSystem: "system" });
      await expect(clusterUid(cluster)).rejects.toBe(error);
      expect(asked).toEqual([LOGICAL]);
    },
  );

  it("is not guessed where discovery fails: a group that is not seen may be served", async () => {
    const error = refused(503);
    const { cluster, asked } = fakeCluster({ groups: error, logicalCluster: "logical", kubeSystem: "system" });
    await expect(clusterUid(cluster)).rejects.toBe(error);
    expect(asked).toEqual([]);
  });

  it.each([refused(403), refused(404), new UnreachableError("reset")])(
    "is unknown where kube-system cannot be read: %s",
    async (error) => {
      const { cluster } = fakeCluster({ groups: [""], kubeSystem: error });
      await expect(clusterUid(cluster)).rejects.toBe(error);
    },
  );
});
