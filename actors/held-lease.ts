// What the process knows of one heartbeat Lease. Data only, and disposable: what is forgotten is read again.

import type { Lease } from "../crds/lease.ts";

export interface HeldLease {
  /** As last written or read; null when it has to be read. */
  known: Lease | null;
  /** Milliseconds, or null while that is not known. */
  renewedAt: number | null;
  /** The Connection whose client renewed it last: asked first again. */
  through: string;
  /** Who holds it in our place, as far as that has been said; "" for nobody. */
  holder: string;
  /** Connections, by uid, that have gone for good, though the directory may still show them. */
  departed: Set<string>;
}

export const createHeldLease = (): HeldLease => ({
  known: null,
  renewedAt: null,
  through: "",
  holder: "",
  departed: new Set(),
});
