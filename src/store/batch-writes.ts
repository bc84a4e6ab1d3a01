import type { BatchState } from "./batch-state.ts";
import type { Session, Statement } from "./database.ts";
import { rowOfRecord, type AppliedMutation, type RevisionSeal } from "./revision-seal.ts";
import type { TupleRow } from "./schema.ts";
import { tupleColumns } from "./tuple-row.ts";

/** Sends what the batch came to, in bulk, and waits for none of it: the commit is sent behind it. */
export function writeBatch(
  session: Session,
  tenant: string,
  state: BatchState,
  applied: readonly AppliedMutation[],
  seals: readonly RevisionSeal[],
): readonly Promise<unknown>[] {
  return [
    ...writeDeletions(session, tenant, state),
    ...writeCreations(session, tenant, state),
    writeRevisions(session, tenant, state, applied, seals),
    ...writeRetired(session, tenant, state),
    ...writeRecords(session, tenant, state),
    ...writeReplies(session, tenant, state),
    ...writeActivations(session, tenant, state),
    ...writeLiveSum(session, tenant, state),
  ];
}

const deletionStatement: Statement = {
  name: "batch_delete",
  text: `update relation_tuple t set deleted_rev = d.deleted_rev
    from unnest($2::bigint[], $3::integer[], $4::bigint[]) as d(created_rev, ord, deleted_rev)
    where t.tenant_id = $1 and t.created_rev = d.created_rev and t.ord = d.ord`,
};

const creationStatement: Statement = {
  name: "batch_create",
  text: `insert into relation_tuple
      (tenant_id, created_rev, ord, deleted_rev, ${tupleColumns.join(", ")})
    select $1, c.* from unnest($2::bigint[], $3::integer[], $4::bigint[], $5::text[], $6::text[],
      $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[]) as c`,
};

const revisionStatement: Statement = {
  name: "batch_revisions",
  text: `insert into revision (tenant_id, committed_at_ms, rev, caller_id, operation, reason,
      model_id, created_count, deleted_count, content_digest, digest, record_ids, live_digest, signer,
      signature, signed_count)
    select $1, $2, r.* from unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
      $8::integer[], $9::integer[], $10::bytea[], $11::bytea[], $12::text[], $13::bytea[], $14::text[],
      $15::bytea[], $16::integer[]) as r`,
};

const retiredStatement: Statement = {
  name: "batch_retire",
  text: `insert into retired_delegation (tenant_id, id, rev)
    select $1, r.* from unnest($2::text[], $3::bigint[]) as r on conflict do nothing`,
};

const recordStatement: Statement = {
  name: "batch_records",
  text: `insert into delegation_record
      (tenant_id, id, purpose, consent, labels, created_by, created_at_ms)
    select $1, r.* from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
      $7::bigint[]) as r on conflict do nothing`,
};

const replyStatement: Statement = {
  name: "batch_store_replies",
  text: `insert into idempotency
      (tenant_id, created_at_ms, caller_id, key, request_hash, response)
    select $1, $2, r.* from unnest($3::text[], $4::text[], $5::text[], $6::bytea[]) as r`,
};

const activationStatement: Statement = {
  name: "batch_activate",
  text: `with activated as (insert into model_activation (tenant_id, rev, model_id)
      select $1, a.* from unnest($3::bigint[], $4::text[]) as a)
    update tenant set active_model_id = $2 where id = $1`,
};

const liveSumStatement: Statement = {
  name: "batch_live_sum",
  text: "update tenant set live_sum = $2 where id = $1",
};

function writeDeletions(session: Session, tenant: string, state: BatchState): Promise<unknown>[] {
  if (state.deleted.length === 0) return [];
  const rows = state.deleted;
  return [
    session.query(deletionStatement, [
      tenant,
      rows.map((row) => row.createdRev),
      rows.map((row) => row.ord),
      rows.map((row) => row.deletedRev),
    ]),
  ];
}

function writeCreations(session: Session, tenant: string, state: BatchState): Promise<unknown>[] {
  if (state.created.length === 0) return [];
  const rows = state.created;
  const column = (name: keyof TupleRow): readonly unknown[] => rows.map(({ row }) => row[name]);
  return [
    session.query(creationStatement, [
      tenant,
      rows.map((row) => row.createdRev),
      rows.map((row) => row.ord),
      rows.map((row) => row.deletedRev),
      ...tupleColumns.map(column),
    ]),
  ];
}

function writeRevisions(
  session: Session,
  tenant: string,
  state: BatchState,
  applied: readonly AppliedMutation[],
  seals: readonly RevisionSeal[],
): Promise<unknown> {
  const committed = applied.map(({ result }) => (result.kind === "committed" ? result : undefined));
  return session.query(revisionStatement, [
    tenant,
    state.facts.nowMs,
    applied.map(({ result }) => result.revision),
    applied.map(({ mutation }) => mutation.caller.id),
    applied.map(({ mutation }) => mutation.operation),
    applied.map(({ mutation }) => mutation.reason),
    applied.map(({ mutation }, index) =>
      committed[index] === undefined ? null : (mutation.activateModelId ?? null),
    ),
    committed.map((result) => result?.created.length ?? 0),
    committed.map((result) => result?.deleted.length ?? 0),
    seals.map((seal) => Buffer.from(seal.contentDigest, "hex")),
    seals.map((seal) => Buffer.from(seal.digest, "hex")),
    seals.map((seal) => seal.recordIds),
    seals.map(({ liveDigest }) =>
      liveDigest === undefined ? null : Buffer.from(liveDigest, "hex"),
    ),
    seals.map(({ signer }) => signer ?? null),
    seals.map(({ signed }) => signed && Buffer.from(signed.signature, "base64url")),
    seals.map(({ signed }) => signed?.count),
  ]);
}

function writeRetired(session: Session, tenant: string, state: BatchState): Promise<unknown>[] {
  if (state.retired.size === 0) return [];
  const values = [tenant, [...state.retired.keys()], [...state.retired.values()]];
  return [session.query(retiredStatement, values)];
}

function writeRecords(session: Session, tenant: string, state: BatchState): Promise<unknown>[] {
  if (state.records.length === 0) return [];
  const records = state.records.map(rowOfRecord);
  return [
    session.query(recordStatement, [
      tenant,
      records.map((record) => record.id),
      records.map((record) => record.purpose),
      records.map((record) => record.consent),
      records.map((record) => record.labels),
      records.map((record) => record.created_by),
      records.map((record) => record.created_at_ms),
    ]),
  ];
}

function writeReplies(session: Session, tenant: string, state: BatchState): Promise<unknown>[] {
  if (state.replies.size === 0) return [];
  const replies = [...state.replies.values()];
  return [
    session.query(replyStatement, [
      tenant,
      state.facts.nowMs,
      replies.map((reply) => reply.callerId),
      replies.map((reply) => reply.key),
      replies.map((reply) => reply.requestHash),
      replies.map((reply) => Buffer.from(reply.response)),
    ]),
  ];
}

function writeLiveSum(session: Session, tenant: string, state: BatchState): Promise<unknown>[] {
  const { facts, created, deleted, activations } = state;
  if (facts.liveSum === undefined) return [];
  if (created.length + deleted.length + activations.length === 0) return [];
  return [session.query(liveSumStatement, [tenant, facts.liveSum.bytes])];
}

function writeActivations(session: Session, tenant: string, state: BatchState): Promise<unknown>[] {
  const { activations } = state;
  if (activations.length === 0) return [];
  return [
    session.query(activationStatement, [
      tenant,
      state.activeModelId,
      activations.map(({ revision }) => revision),
      activations.map(({ modelId }) => modelId),
    ]),
  ];
}
