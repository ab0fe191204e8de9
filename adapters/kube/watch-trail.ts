// The last thing that a watch has told, by which it finds out later whether a server still has the same history. What has ended
// leaves no trace that could be looked for. Rule: docs/reference/behaviour.md, "Client and watch".

import type { WatchSink } from "../../actors/ports.ts";
import { isOlderVersion, type Key, keyOf, type KubeObject } from "../../crds/kube-object.ts";

/** An object in the state that was told last. */
export interface Footprint {
  key: Key;
  version: string;
}

export interface Trail {
  /** Undefined where nothing was told yet, or the last was an end. */
  last(): Footprint | undefined;
  /** A sink that passes everything on and takes note of it. */
  along(sink: WatchSink): WatchSink;
}

export function createTrail(): Trail {
  let version = "0";
  let footprint: Footprint | undefined;

  const note = (object: KubeObject, isThere: boolean): void => {
    const { resourceVersion } = object.metadata;
    if (!isOlderVersion(version, resourceVersion)) return;
    version = resourceVersion;
    footprint = isThere ? { key: keyOf(object), version } : undefined;
  };

  return {
    last: () => footprint,
    along: (sink) => ({
      ...sink,
      listing() {
        version = "0";
        footprint = undefined;
        sink.listing?.();
      },
      seen(object) {
        note(object, true);
        sink.seen(object);
      },
      gone(object) {
        note(object, false);
        sink.gone(object);
      },
    }),
  };
}
