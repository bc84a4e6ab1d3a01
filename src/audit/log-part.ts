import type { Json } from "../core/json.ts";
import type { SignedCheckpoint } from "./checkpoint.ts";
import type { RevisionContent, RevisionFacts, RevisionSignature } from "./revision-digest.ts";

/**
 * The log of a tenant comes in parts, in this order: checkpoints, each chain whole, where the changes
 * begin, the changes, what counted at their head.
 */
export type LogPart =
  | ChainPart
  | SegmentPart
  | CheckpointPart
  | ChangesPart
  | RevisionPart
  | LivePart
  | TuplesPart;

/** A chain, before its segments, and what the database says that its last row is. */
export interface ChainPart {
  readonly kind: "chain";
  readonly chain: string;
  readonly headSeq: number;
  readonly headHash: string;
  readonly base: LogBase;
}

/**
 * The last row, or revision, that is gone because it was too old. Its hash, or digest, proves itself:
 * what follows is linked to no other. That it was old is what must be signed.
 */
export interface LogBase {
  /** 0: nothing is gone. */
  readonly seq: number;
  /** In hexadecimal; that of a revision is followed by the digest of what it left, if it said that. */
  readonly hash: string;
}

/** Comes before the revisions. */
export interface ChangesPart {
  readonly kind: "changes";
  readonly base: LogBase;
  /** The last revision when the reading of the changes began: more may follow. */
  readonly head: number;
}

/** Comes before the tuples that were live at the head. */
export interface LivePart {
  readonly kind: "live";
  /** The model that is active; absent where none is, or where it is gone. */
  readonly model?: { readonly id: string; readonly sources: string; readonly parsed: string };
}

/** Some of the tuples that were live at the head. */
export interface TuplesPart {
  readonly kind: "tuples";
  /** The revision that made it, its place there, and its columns; in the order of those places. */
  readonly rows: readonly (readonly Json[])[];
}

/** Rows as they were written together, and what the database says of them beside. */
export interface SegmentPart {
  readonly kind: "segment";
  readonly chain: string;
  readonly firstSeq: number;
  /** Absent where what is stored is nothing that was ever written. */
  readonly rows: readonly string[] | undefined;
  /** In hexadecimal, one a row. */
  readonly hashes: readonly string[];
  /** Absent in an export, which has rows alone. */
  readonly index?: SegmentIndex;
}

/** By what a segment is found. All of it follows from its rows. */
export interface SegmentIndex {
  readonly lastSeq: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly decisions?: DecisionRange;
  readonly terms: readonly number[];
}

/** Ids of decisions count up within a source. */
export interface DecisionRange {
  readonly source: string;
  readonly first: number;
  readonly last: number;
}

export interface CheckpointPart {
  readonly kind: "checkpoint";
  readonly signed: SignedCheckpoint;
  /** Where the database has it; absent in an export. */
  readonly at?: { readonly chain: string; readonly seq: number };
}

export interface RevisionPart {
  readonly kind: "revision";
  readonly facts: RevisionFacts;
  /** In hexadecimal; empty in revisions from before there was one. */
  readonly digest: string;
  /** What it changed, hashed again from the tuples; absent where they are no longer all kept. */
  readonly contentDigest?: string;
  readonly content?: RevisionContent;
  /** With the last of those that were written together. */
  readonly signed?: RevisionSignature;
}
