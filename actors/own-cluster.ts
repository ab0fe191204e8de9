// Our own cluster, the consumer, and the certainty that it is still the one that this process began with. Promises: once its
// identity has been read, each further connection has to introduce itself, so that another cluster which comes to answer at
// its address is asked nothing and told nothing, and no absence there counts; whoever is about to release or delete something
// can make sure (`confirm`) at the price of one request every few seconds. Rule: docs/reference/behaviour.md, "Identity".

import { createAssurance } from "./assurance.ts";
import { confirmIdentity, identityOf } from "./identity.ts";
import { AnotherClusterError, type Clock, type Cluster, type Identity } from "./ports.ts";
import { succession } from "./succession.ts";

/** Is our own cluster the one with that UID? Nothing that was never pinned ("") is told from another. */
export const isPinned = async (consumer: Pick<OwnCluster, "identify">, pin: string): Promise<boolean> =>
  pin === "" || (await consumer.identify()) === pin;

export interface OwnCluster extends Cluster {
  /** The UID by which the cluster that answers now is known. Rejects like a request. */
  identify(): Promise<string>;
  /** The same without a request, where the answer to the first one is a few seconds old at most. */
  uid(): Promise<string>;
  /** Resolves if it is the cluster that this process began with, and that of the UID, as of a few seconds ago. */
  confirm(uid?: string): Promise<void>;
  /** UID of another cluster that answers at its address, until the old one is found there again. */
  stranger(): string | undefined;
  /** Calls back whenever that changes. */
  onStranger(told: (found: string | undefined) => void): void;
}

/** Milliseconds for which a look at who is there counts. */
const HOLDS = 5_000;

/** `open` makes a client, and with an identity one whose connections introduce themselves. */
export function ownCluster(open: (identity?: Identity) => Cluster, clock: Clock): OwnCluster {
  let known: Identity | undefined;
  let recognising: Promise<string> | undefined;
  let stranger: string | undefined;
  let lookedAt = -Infinity;
  let recognisedAt = -Infinity;
  let tell: (found: string | undefined) => void = () => undefined;

  /** Looks by itself while another one answers: nobody else may have reason to. */
  const watchOut = (): void =>
    void clock.after(HOLDS, () => {
      if (stranger !== undefined) identify().then((found) => found !== known?.uid && watchOut(), watchOut);
    });

  const meet = (found: string | undefined): void => {
    if (found !== undefined) lookedAt = -Infinity;
    const [before, isFirst] = [stranger, stranger === undefined];
    stranger = found;
    if (before === found) return;
    if (isFirst) watchOut();
    tell(found);
  };
  const heard = (error: unknown): void => {
    if (error instanceof AnotherClusterError) meet(error.found);
  };

  const cluster = succession(open(), heard);

  async function recognise(): Promise<string> {
    const began = clock.now();
    const identity = await identityOf(cluster);
    known = identity;
    recognisedAt = began;
    cluster.succeed(open(identity));
    return identity.uid;
  }

  async function identify(): Promise<string> {
    if (known === undefined) {
      recognising ??= recognise().finally(() => (recognising = undefined));
      return recognising;
    }
    try {
      await confirmIdentity(cluster, known);
      meet(undefined);
      return known.uid;
    } catch (error) {
      // Also of one that is met under an open connection, behind a gateway.
      heard(error);
      if (error instanceof AnotherClusterError) return error.found;
      throw error;
    }
  }

  const look = createAssurance(async () => {
    const began = clock.now();
    const found = await identify();
    if (found !== known?.uid) throw strangerIs(found, known?.uid);
    lookedAt = began;
  });

  return {
    ...cluster,
    identify,
    async uid() {
      const isFresh = known !== undefined && stranger === undefined && clock.now() - recognisedAt <= HOLDS;
      return isFresh ? (known as Identity).uid : identify();
    },
    async confirm(uid) {
      // Never recognised, so nothing is known that could be another's.
      if (known === undefined && uid === undefined) return;
      if (clock.now() - lookedAt > HOLDS) await look();
      if (uid !== undefined && uid !== known?.uid) throw strangerIs(known?.uid ?? "", uid);
    },
    stranger: () => stranger,
    onStranger: (told) => void (tell = told),
  };
}

const strangerIs = (found: string, uid = ""): AnotherClusterError =>
  new AnotherClusterError(`this cluster is known by ${found} and not by ${uid}`, found);
