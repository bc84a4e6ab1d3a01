/** What SpiceDB is to hold. */
export interface PeerWorld {
  readonly schema: string;
  readonly relationships: readonly PeerRelationship[];
}

export interface PeerRelationship {
  readonly resource: PeerObject;
  readonly relation: string;
  readonly subject: { readonly object: PeerObject; readonly optionalRelation: string };
}

export interface PeerObject {
  readonly objectType: string;
  readonly objectId: string;
}

export interface PeerCheck {
  readonly resource: PeerObject;
  readonly permission: string;
  readonly subject: PeerRelationship["subject"];
}

/** Told to the peer's process, one at a time; each is answered. */
export type PeerRequest =
  | { readonly kind: "start"; readonly packageFolder: string; readonly world: PeerWorld }
  | { readonly kind: "ask"; readonly checks: readonly PeerCheck[] }
  | {
      readonly kind: "measure";
      /** All of them allowed. */
      readonly checks: readonly PeerCheck[];
      readonly seconds: number;
      readonly warmUpSeconds: number;
    };

export type PeerAnswer =
  | { readonly kind: "started" }
  | { readonly kind: "asked"; readonly allowed: readonly boolean[] }
  | { readonly kind: "measured"; readonly cpuUs: number; readonly perSecond: number }
  | { readonly kind: "failed"; readonly problem: string };

/** What a caller's thread is given. */
export interface CallerData {
  readonly packageFolder: string;
  readonly handle: number;
  readonly checks: readonly PeerCheck[];
  /** Two numbers of 32 bits: 1 while it is to ask, and the calls of all threads that came back. */
  readonly control: SharedArrayBuffer;
}

export const controlOf: { readonly running: 0; readonly calls: 1 } = { running: 0, calls: 1 };
