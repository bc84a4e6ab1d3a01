import type { ModelHashes } from "../audit/live-sum.ts";
import { delegationType, identityRelations } from "../core/delegation.ts";
import {
  isIdentity,
  replyKey,
  unchangedKey,
  type BatchFacts,
  type FilterOwner,
  type LiveTuple,
  type StoredReply,
} from "./batch-state.ts";
import type { Session, Statement } from "./database.ts";
import type { Mutation, PairRoom } from "./mutation.ts";
import type { TupleRow } from "./schema.ts";
import { filterConditions } from "./tuple-filter.ts";
import { keyColumns, keyOfTuple, keyText, tupleColumns, type TupleKeyRow } from "./tuple-row.ts";

/** What is read of a batch, beside what the lock itself returned. */
export type BatchReads = Pick<
  BatchFacts,
  "live" | "retiredIds" | "storedModels" | "replies" | "matches" | "changedSince" | "pairsMade"
>;

/**
 * Reads all that the mutations need, in one flight. Sent after the lock's statement on the same
 * connection, so that it sees what was committed while that waited.
 */
export async function readBatch(
  session: Session,
  tenant: string,
  mutations: readonly Mutation[],
): Promise<BatchReads> {
  const keys = keysOf(mutations);
  const ids = identityIds(mutations);
  const [byKey, identities, retiredIds, storedModels, replies, matches, changedSince, pairsMade] =
    await Promise.all([
      readByKey(session, tenant, keys),
      readIdentities(session, tenant, ids),
      readRetired(session, tenant, ids),
      readModels(session, tenant, mutations),
      readReplies(session, tenant, mutations),
      readMatches(session, tenant, mutations, keys.length + 1),
      readChangedSince(session, tenant, mutations),
      readPairsMade(session, tenant, mutations),
    ]);
  const more = await readIdentities(session, tenant, matchedIds(matches, new Set(ids)));
  const live = [...byKey, ...identities, ...more];
  return { live, retiredIds, storedModels, replies, matches, changedSince, pairsMade };
}

const columns = tupleColumns.map((name) => `t.${name}`).join(", ");

const byKeyStatement: Statement = {
  name: "batch_by_key",
  text: `select t.created_rev, t.ord, ${columns}
    from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
      as k(${keyColumns.join(", ")})
    cross join lateral (select * from relation_tuple t
      where t.tenant_id = $1 and ${keyColumns.map((name) => `t.${name} = k.${name}`).join(" and ")}
        and t.deleted_rev is null limit 1) t`,
};

const identityStatement: Statement = {
  name: "batch_identities",
  text: `select t.created_rev, t.ord, ${columns} from unnest($2::text[]) as k(id)
    cross join unnest($3::text[]) as r(relation)
    cross join lateral (select * from relation_tuple t
      where t.tenant_id = $1 and t.object_type = '${delegationType}' and t.object_id = k.id
        and t.relation = r.relation and t.deleted_rev is null limit 8) t`,
};

const retiredStatement: Statement = {
  name: "batch_retired",
  text: "select id from retired_delegation where tenant_id = $1 and id = any($2::text[])",
};

const modelStatement: Statement = {
  name: "batch_models",
  text: `select id, encode(sha256(convert_to(sources, 'UTF8')), 'hex') as sources,
      encode(sha256(convert_to(parsed, 'UTF8')), 'hex') as parsed
    from authorization_model where tenant_id = $1 and (id = any($2::text[])
      or id = (select t.active_model_id from tenant t where t.id = $1))`,
};

const replyStatement: Statement = {
  name: "batch_replies",
  text: `select i.caller_id, i.key, i.request_hash, i.response
    from unnest($2::text[], $3::text[]) as k(caller_id, key)
    join idempotency i on i.tenant_id = $1 and i.caller_id = k.caller_id and i.key = k.key`,
};

const changedStatement: Statement = {
  name: "batch_changed_since",
  text: `select exists (select 1 from relation_tuple
      where tenant_id = $1 and created_rev > $2 and relation = $3)
    or exists (select 1 from relation_tuple
      where tenant_id = $1 and deleted_rev > $2 and relation = $3) as changed`,
};

// By the revisions since: there are few of them, however many delegations the principal has given.
const pairStatement: Statement = {
  name: "batch_pairs_made",
  text: `select count(*) as made from relation_tuple p
    where p.tenant_id = $1 and p.created_rev > $2 and p.deleted_rev is null
      and p.object_type = '${delegationType}' and p.relation = 'principal'
      and p.subject_type = $3 and p.subject_id = $4 and p.subject_relation = ''
      and exists (select 1 from relation_tuple d
        where d.tenant_id = $1 and d.object_type = p.object_type and d.object_id = p.object_id
          and d.relation = 'delegate' and d.subject_type = $5 and d.subject_id = $6
          and d.subject_relation = '' and d.deleted_rev is null)`,
};

interface LiveRow extends TupleRow {
  readonly created_rev: number;
  readonly ord: number;
}

function liveTuple({ created_rev: createdRev, ord, ...row }: LiveRow): LiveTuple {
  return { row, createdRev, ord, stored: true };
}

function keysOf(mutations: readonly Mutation[]): readonly TupleKeyRow[] {
  const keys = new Map<string, TupleKeyRow>();
  for (const { steps } of mutations) {
    for (const step of steps) {
      if (step.kind === "delete_matching") continue;
      const key = keyOfTuple(step.tuple);
      keys.set(keyText(key), key);
    }
  }
  return [...keys.values()];
}

/** Ids of the delegations that steps name: what becomes of one identity tuple concerns the others. */
function identityIds(mutations: readonly Mutation[]): readonly string[] {
  const ids = new Set<string>();
  for (const { steps } of mutations) {
    for (const step of steps) {
      if (step.kind === "delete_matching") continue;
      if (step.tuple.object.type === delegationType) ids.add(step.tuple.object.id);
    }
  }
  return [...ids];
}

/** Ids of further delegations of which a filter found identity tuples. */
function matchedIds(matches: BatchReads["matches"], known: ReadonlySet<string>): readonly string[] {
  const ids = new Set<string>();
  for (const [owner, tuples] of matches) {
    if (owner.kind !== "delete_matching") continue;
    for (const { row } of tuples) {
      if (isIdentity(row) && !known.has(row.object_id)) ids.add(row.object_id);
    }
  }
  return [...ids];
}

async function readByKey(
  session: Session,
  tenant: string,
  keys: readonly TupleKeyRow[],
): Promise<readonly LiveTuple[]> {
  if (keys.length === 0) return [];
  const arrays = keyColumns.map((name) => keys.map((key) => key[name]));
  return (await session.query<LiveRow>(byKeyStatement, [tenant, ...arrays])).map(liveTuple);
}

async function readIdentities(
  session: Session,
  tenant: string,
  ids: readonly string[],
): Promise<readonly LiveTuple[]> {
  if (ids.length === 0) return [];
  const values = [tenant, ids, identityRelations];
  return (await session.query<LiveRow>(identityStatement, values)).map(liveTuple);
}

async function readRetired(
  session: Session,
  tenant: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await session.query<{ readonly id: string }>(retiredStatement, [tenant, ids]);
  return new Set(rows.map((row) => row.id));
}

async function readModels(
  session: Session,
  tenant: string,
  mutations: readonly Mutation[],
): Promise<ReadonlyMap<string, ModelHashes>> {
  const ids = mutations.flatMap(({ activateModelId }) => activateModelId ?? []);
  if (ids.length === 0) return new Map();
  const values = [tenant, ids];
  const rows = await session.query<ModelHashes & { readonly id: string }>(modelStatement, values);
  return new Map(rows.map(({ id, sources, parsed }) => [id, { sources, parsed }]));
}

interface ReplyRow {
  readonly caller_id: string;
  readonly key: string;
  readonly request_hash: string;
  readonly response: Uint8Array;
}

async function readReplies(
  session: Session,
  tenant: string,
  mutations: readonly Mutation[],
): Promise<ReadonlyMap<string, StoredReply>> {
  const keyed = mutations.flatMap(({ caller, idempotency }) =>
    idempotency === undefined ? [] : { callerId: caller.id, key: idempotency.key },
  );
  if (keyed.length === 0) return new Map();
  const rows = await session.query<ReplyRow>(replyStatement, [
    tenant,
    keyed.map(({ callerId }) => callerId),
    keyed.map(({ key }) => key),
  ]);
  return new Map(
    rows.map((row) => [
      replyKey(row.caller_id, row.key),
      { requestHash: row.request_hash, response: row.response },
    ]),
  );
}

/** `spare` is one more than the batch can delete by key before a filter is asked. */
async function readMatches(
  session: Session,
  tenant: string,
  mutations: readonly Mutation[],
  spare: number,
): Promise<ReadonlyMap<FilterOwner, readonly LiveTuple[]>> {
  const filters: Promise<readonly [FilterOwner, readonly LiveTuple[]]>[] = [];
  for (const { steps, preconditions } of mutations) {
    for (const step of steps) {
      if (step.kind !== "delete_matching") continue;
      filters.push(readFilter(session, tenant, step, step.limit + 1, "all"));
      spare += step.limit;
    }
    for (const precondition of preconditions) {
      if (!("filter" in precondition)) continue;
      filters.push(readFilter(session, tenant, precondition, spare, "unexpired"));
    }
  }
  return new Map(await Promise.all(filters));
}

async function readFilter(
  session: Session,
  tenant: string,
  owner: FilterOwner,
  limit: number,
  which: "all" | "unexpired",
): Promise<readonly [FilterOwner, readonly LiveTuple[]]> {
  const { conditions, values, mask, fence } = filterConditions(owner.filter, 3);
  // The time is that of the lock's statement, which this transaction has just written.
  const unexpired =
    "(expires_at_ms is null or expires_at_ms > (select head_at_ms from tenant where id = $1))";
  const where = [...conditions, ...(which === "all" ? [] : [unexpired])];
  const rows = await session.query<LiveRow>(
    {
      name: `batch_matching_${which}_${mask}`,
      text: `select t.created_rev, t.ord, ${columns} from (select * from relation_tuple
          where ${["tenant_id = $1", "deleted_rev is null", ...where].join(" and ")}${fence}) t
        order by ${keyColumns.join(", ")} limit $2`,
    },
    [tenant, limit, ...values],
  );
  return [owner, rows.map(liveTuple)];
}

async function readChangedSince(
  session: Session,
  tenant: string,
  mutations: readonly Mutation[],
): Promise<ReadonlySet<string>> {
  const asked = new Map<string, Promise<boolean>>();
  for (const { preconditions } of mutations) {
    for (const precondition of preconditions) {
      if (precondition.kind !== "unchanged_since") continue;
      const { revision, relation } = precondition;
      const key = unchangedKey(revision, relation);
      if (asked.has(key)) continue;
      const values = [tenant, revision, relation];
      const rows = session.query<{ readonly changed: boolean }>(changedStatement, values);
      asked.set(
        key,
        rows.then(([row]) => row?.changed !== false),
      );
    }
  }
  const answers = await Promise.all(
    [...asked].map(async ([key, changed]) => ((await changed) ? [key] : [])),
  );
  return new Set(answers.flat());
}

async function readPairsMade(
  session: Session,
  tenant: string,
  mutations: readonly Mutation[],
): Promise<ReadonlyMap<PairRoom, number>> {
  const rooms = mutations
    .flatMap(({ preconditions }) => preconditions)
    .filter((precondition) => precondition.kind === "pair_room");
  const counts = rooms.map(async (room) => {
    const { principal, delegate, since } = room;
    const values = [tenant, since, principal.type, principal.id, delegate.type, delegate.id];
    const [row] = await session.query<{ readonly made: number }>(pairStatement, values);
    return [room, row?.made ?? 0] as const;
  });
  return new Map(await Promise.all(counts));
}
