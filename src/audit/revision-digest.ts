import { hash } from "node:crypto";
import { canonicalJson, type Json } from "../core/json.ts";

/** Who wrote a revision, when and why, as its digest covers it. */
export interface RevisionFacts {
  readonly tenant: string;
  readonly revision: number;
  readonly committedAtMs: number;
  readonly callerId: string;
  readonly operation: string;
  readonly reason: string;
  readonly modelId: string | null;
  readonly createdCount: number;
  readonly deletedCount: number;
  /** Of the delegation records written with it, with blanks between; `null` where there are none. */
  readonly recordIds: string | null;
  /** `digestOfContent` of what it changed. */
  readonly contentDigest: string;
  /** Of the sum over all that counts after it; absent where nobody summed it up. */
  readonly liveDigest?: string;
  /** The key of the node that wrote it, as in `Checkpoint`; absent where it has none. */
  readonly signer?: string;
}

/** A node's word for the last revisions of those that it wrote together. */
export interface RevisionSignature {
  /** How many they are, up to this one. */
  readonly count: number;
  /** Ed25519, in base64url. */
  readonly signature: string;
}

/** What a revision changed: rows as the database holds them, each a list of its columns. */
export interface RevisionContent {
  readonly created: readonly Json[];
  readonly deleted: readonly Json[];
  readonly records: readonly Json[];
}

/** Stands for the hash before the first row of a chain, and the digest before the first revision. */
export const genesisHash: string = "0".repeat(64);

/**
 * SHA-256, in hexadecimal, over the digest before it, the digest of the sum from which it went on (empty:
 * there was none), and the canonical JSON of the facts.
 */
export function digestOfRevision(
  previous: string,
  liveBefore: string,
  facts: RevisionFacts,
): string {
  return hash("sha256", previous + liveBefore + canonicalJson({ ...facts }), "hex");
}

/** What is signed of a revision, and so many before it. */
export function textToSign(
  { tenant, revision }: Pick<RevisionFacts, "tenant" | "revision">,
  digest: string,
  count: number,
): string {
  return canonicalJson({ count, digest, kind: "revisions", revision, tenant });
}

/** The order of what was created counts; deletions and records have none. */
export function digestOfContent({ created, deleted, records }: RevisionContent): string {
  const sorted = (rows: readonly Json[]): Json => rows.map(canonicalJson).toSorted();
  const content = { created, deleted: sorted(deleted), records: sorted(records) };
  return hash("sha256", canonicalJson(content), "hex");
}
