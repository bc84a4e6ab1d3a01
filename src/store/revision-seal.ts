import {
  digestOfContent,
  digestOfRevision,
  genesisHash,
  type RevisionFacts,
} from "../audit/revision-digest.ts";
import type { DelegationRecord } from "../core/delegation.ts";
import type { Json } from "../core/json.ts";
import type { Session, Statement } from "./database.ts";
import type { Mutation, MutationResult } from "./mutation.ts";
import type { TupleRow } from "./schema.ts";
import { rowOfTuple, tupleColumns } from "./tuple-row.ts";

/** What a revision's row keeps, so that it cannot be altered unseen. */
export interface RevisionSeal {
  readonly contentDigest: string;
  /** Over the one before it: it stands for all that was written up to here. */
  readonly digest: string;
  readonly recordIds: string | null;
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
 * Chains the revisions of a batch, each to the one before. It is done under the tenant's lock, and what
 * it makes is written in the same transaction.
 */
export function sealRevisions(
  tenant: string,
  previous: string,
  committedAtMs: number,
  mutations: readonly Mutation[],
  results: readonly MutationResult[],
): readonly RevisionSeal[] {
  let last = previous;
  return results.map((result, index) => {
    const mutation = mutations[index];
    const committed = result.kind === "committed" ? result : undefined;
    const records = committed === undefined ? [] : (mutation?.records ?? []);
    const created = committed?.created ?? [];
    const deleted = committed?.deleted ?? [];
    const facts: RevisionFacts = {
      tenant,
      revision: result.revision,
      committedAtMs,
      callerId: mutation?.caller.id ?? "",
      operation: mutation?.operation ?? "",
      reason: mutation?.reason ?? "",
      modelId: committed === undefined ? null : (mutation?.activateModelId ?? null),
      createdCount: created.length,
      deletedCount: deleted.length,
      recordIds: records.length === 0 ? null : records.map(({ id }) => id).join(" "),
      contentDigest: digestOfContent({
        created: created.map((tuple) => sealedTuple(rowOfTuple(tuple))),
        deleted: deleted.map((tuple) => sealedTuple(rowOfTuple(tuple))),
        records: records.map((record) => sealedRecord(rowOfRecord(record))),
      }),
    };
    last = digestOfRevision(last, facts);
    const { contentDigest, recordIds } = facts;
    return { contentDigest, digest: last, recordIds };
  });
}

export function sealedTuple(row: TupleRow): Json {
  return tupleColumns.map((name) => row[name]);
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
