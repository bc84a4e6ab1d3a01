import type { CallerLimits } from "./caller-budgets.ts";

/** How much one request may bring. A request over a limit is refused whole, before any of it is used. */
export interface RequestLimits {
  readonly operationsMax: number;
  readonly checksMax: number;
  readonly contextualTuplesMax: number;
  readonly contextBytesMax: number;
  readonly pageSizeMax: number;
}

/** How much a transport takes on at a time. */
export interface TransportLimits extends CallerLimits {
  readonly messageBytesMax: number;
  readonly inFlightMax: number;
  readonly inFlightPerConnectionMax: number;
}

/** What the contract fixes, with no reason for anybody to set it otherwise. */
export interface ContractLimits {
  readonly accesses: number;
  readonly preconditions: number;
  readonly pairs: number;
  readonly labels: number;
  readonly labelNameBytes: number;
  readonly labelValueBytes: number;
  readonly noteBytes: number;
  readonly idempotencyKeyBytes: number;
  readonly cursorBytes: number;
  readonly consentClaimsBytes: number;
  readonly importedTuples: number;
  readonly deletedTuples: number;
  readonly watchedTypes: number;
  readonly watchedObjects: number;
  readonly modules: number;
  readonly moduleNameBytes: number;
  readonly expandDepth: number;
  readonly revokedListed: number;
  readonly offboardedCallers: number;
  readonly watchedTuplesPerMessage: number;
  /** Messages of one check stream that are worked on at a time. */
  readonly streamedMessages: number;
  /** Most decoders go 100 messages deep, and a level of a context takes three. */
  readonly contextDepth: number;
  /** Messages within one another in a tree of an answer; what its tuples need comes on top. */
  readonly treeDepth: number;
}

export const contractLimits: ContractLimits = {
  accesses: 100,
  preconditions: 100,
  pairs: 100,
  labels: 32,
  labelNameBytes: 64,
  labelValueBytes: 256,
  noteBytes: 1024,
  idempotencyKeyBytes: 128,
  cursorBytes: 256,
  consentClaimsBytes: 16 * 1024,
  importedTuples: 5_000,
  deletedTuples: 2_000,
  watchedTypes: 100,
  watchedObjects: 100,
  modules: 100,
  moduleNameBytes: 256,
  expandDepth: 64,
  revokedListed: 1_000,
  offboardedCallers: 20,
  watchedTuplesPerMessage: 1_000,
  streamedMessages: 64,
  contextDepth: 16,
  treeDepth: 80,
};
