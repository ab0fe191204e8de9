// The OpenAPI documents of all providers that are at hand: each is downloaded once, kept for as long as there is room, and
// shared by all APIs that it describes. Promises bounded memory, one download at a time of the same document, and that no
// Connection is ever given what another one's provider published.
// Rule: docs/reference/behaviour.md, "Schema sources".

import type { Clock, Cluster, PublishedDocument } from "./ports.ts";

/** Bytes of text that are kept, parsed, in the whole process. */
const ROOM = 24 * 1024 * 1024;

/** Milliseconds for which a download that failed is not repeated, however many APIs ask for it. */
const FAILED_FOR = 5_000;

/** Of documents, however small, and of failures. */
const MOST = 500;

interface Entry {
  document: Promise<PublishedDocument>;
  bytes: number;
  /** When it failed, or null. */
  failedAt: number | null;
}

export interface Documents {
  /** Rejects as the download does. */
  read(connection: string, cluster: Cluster, groupVersion: string, version: string): Promise<unknown>;
}

export function createDocuments(clock: Clock, room = ROOM): Documents {
  /** The one that was used last comes last. */
  const entries = new Map<string, Entry>();

  const makeRoom = (): void => {
    let used = [...entries.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [key, { bytes }] of entries) {
      if (used <= room && entries.size <= MOST) return;
      used -= bytes;
      entries.delete(key);
    }
  };

  const download = (cluster: Cluster, groupVersion: string, version: string): Entry => {
    const entry: Entry = { document: cluster.document(groupVersion, version), bytes: 0, failedAt: null };
    entry.document.then(
      ({ bytes }) => {
        entry.bytes = bytes;
        makeRoom();
      },
      () => {
        entry.failedAt = clock.now();
        makeRoom();
      },
    );
    return entry;
  };

  const isUsable = ({ failedAt }: Entry): boolean => failedAt === null || clock.now() - failedAt < FAILED_FOR;

  return {
    async read(connection, cluster, groupVersion, version) {
      const key = `${connection}/${groupVersion}?${version}`;
      const known = entries.get(key);
      const entry = known && isUsable(known) ? known : download(cluster, groupVersion, version);
      entries.delete(key);
      entries.set(key, entry);
      return (await entry.document).content;
    },
  };
}
