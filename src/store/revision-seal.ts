import type { SigningKey } from "../audit/checkpoint.ts";
import {
  digestOfContent,
  digestOfRevision,
  genesisHash,
  textToSign,
  type RevisionFacts,
  type RevisionSignature,
} from "../audit/revision-digest.ts";
import type { DelegationRecord } from "../core/delegation.ts";
import type { Json } from "../core/json.ts";
import type { Session, Statement } from "./database.ts";
import type { Mutation, MutationResult } from "./mutation.ts";
import { rowOfTuple, sealedTuple } from "./tuple-row.ts";

/** What a revision's row keeps, so that it cannot be altered unseen. */
export interface RevisionSeal {
  readonly contentDigest: string;
  /** Over the one before it: it stands for all that was written up to here. */
  readonly digest: string;
  readonly recordIds: string | null;
  readonly liveDigest: string | undefined;
  readonly signer: string | undefined;
  /** With the last of a batch. */
  readonly signed: RevisionSignature | undefined;
}

/** A mutation that was applied, and what it left. */
export interface AppliedMutation {
  readonly mutation: Mutation;
  readonly result: MutationResult;
  /** Of the sum over all that counts after it; absent where nobody summed it up. */
  readonly liveDigest: string | undefined;
}

/** Where a batch is written, after what, and by whom. */
export interface SealedPlace {
  readonly tenant: string;
  /** The digest of the last revision before it. */
  readonly previous: string;
  /** Of the sum from which it goes on, as it was found stored: whether it is the right one, auditors see. */
  readonly liveBefore: string | undefined;
  readonly committedAtMs: number;
  /** Absent: nobody signs. */
  readonly key: SigningKey | undefined;
}

/** What of a delegation's record is sealed. */
export type RecordRow = Readonly<Record<(typeof recordColumns)[number], string | number | null>>;

export const recordColumns = [
  "id",
  "purpose",
  "consent",
  "labels",
  "created_by",
  "created_at_ms",
] as const;

/**
 * Chains the revisions of a batch, each to the one before, and signs the last for all. It is done under
 * the tenant's lock, and what it makes is written in the same transaction.
 */
export function sealRevisions(
  { tenant, previous, liveBefore, committedAtMs, key }: SealedPlace,
  batch: readonly AppliedMutation[],
): readonly RevisionSeal[] {
  let [last, live] = [previous, liveBefore];
  return batch.map((applied, index) => {
    const facts = factsOf(applied, { tenant, committedAtMs, signer: key?.publicKey });
    last = digestOfRevision(last, live ?? "", facts);
    live = facts.liveDigest;
    const count = batch.length;
    const isLast = index === count - 1;
    const signature = isLast ? key?.signText(textToSign(facts, last, count)) : undefined;
    return {
      contentDigest: facts.contentDigest,
      recordIds: facts.recordIds,
      digest: last,
      liveDigest: facts.liveDigest,
      signer: facts.signer,
      signed: signature === undefined ? undefined : { count, signature },
    };
  });
}

function factsOf(
  { mutation, result, liveDigest }: AppliedMutation,
  {
    tenant,
    committedAtMs,
    signer,
  }: Pick<RevisionFacts, "tenant" | "committedAtMs"> & { readonly signer: string | undefined },
): RevisionFacts {
  const committed = result.kind === "committed" ? result : undefined;
  const records = committed === undefined ? [] : mutation.records;
  const created = committed?.created ?? [];
  const deleted = committed?.deleted ?? [];
  return {
    tenant,
    revision: result.revision,
    committedAtMs,
    callerId: mutation.caller.id,
    operation: mutation.operation,
    reason: mutation.reason,
    modelId: committed === undefined ? null : (mutation.activateModelId ?? null),
    createdCount: created.length,
    deletedCount: deleted.length,
    recordIds: records.length === 0 ? null : records.map(({ id }) => id).join(" "),
    contentDigest: digestOfContent({
      created: created.map((tuple) => sealedTuple(rowOfTuple(tuple))),
      deleted: deleted.map((tuple) => sealedTuple(rowOfTuple(tuple))),
      records: records.map((record) => sealedRecord(rowOfRecord(record))),
    }),
    ...(liveDigest === undefined ? {} : { liveDigest }),
    ...(signer === undefined ? {} : { signer }),
  };
}

export function sealedRecord(row: RecordRow): Json {
  return recordColumns.map((name) => row[name]);
}

export function rowOfRecord(record: DelegationRecord): RecordRow {
  return {
    id: record.id,
    purpose: record.purpose,
    consent: record.consent === undefined ? null : JSON.stringify(record.consent),
    labels: JSON.stringify(record.labels),
    created_by: record.createdBy,
    created_at_ms: record.createdAtMs,
  };
}

/** The digest of the tenant's last revision. It must be read under the tenant's lock, and after it. */
export async function readLastDigest(session: Session, tenant: string): Promise<string> {
  const [row] = await session.query<{ readonly digest: Buffer | null }>(lastStatement, [tenant]);
  return row?.digest?.toString("hex") ?? genesisHash;
}

const lastStatement: Statement = {
  name: "batch_last_digest",
  text: "select digest from revision where tenant_id = $1 order by rev desc limit 1",
};
