import type { RevisionPart } from "../audit/log-part.ts";
import { digestOfContent, type RevisionContent } from "../audit/revision-digest.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Database, Session, Statement } from "./database.ts";
import { recordColumns, sealedRecord, type RecordRow } from "./revision-seal.ts";
import type { TupleRow } from "./schema.ts";
import { sealedTuple, tupleColumns, tupleOfRow } from "./tuple-row.ts";

/** Which revisions are looked for. All that is given must hold. */
export interface RevisionQuery {
  readonly sinceMs: number;
  /** Not included. */
  readonly untilMs: number;
  readonly callerId?: string;
  readonly operation?: string;
  /** A tuple on this object was created or deleted. Only within the history that is kept. */
  readonly object?: { readonly type: string; readonly id: string };
  /** After this revision, or before it where the newest come first; absent: from the start. */
  readonly after?: number;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/** A revision, and what it changed; nothing where that is no longer kept. */
export interface FoundRevision {
  readonly part: RevisionPart;
  readonly created: readonly RelationTuple[];
  readonly deleted: readonly RelationTuple[];
}

const tuplesMax = 5_000;

/**
 * The revisions after that one, in order, as many as come to about 5,000 tuples; none are the end. What
 * they changed is hashed again where it is all kept.
 */
export async function readRevisionParts(
  database: Database,
  tenant: string,
  after: number,
): Promise<readonly RevisionPart[]> {
  return database.snapshot(async (session) => {
    const rows = await session.query<RevisionRow>(pageStatement, [tenant, after]);
    const page = withinTuples(rows);
    const [first, last] = [page[0]?.rev, page.at(-1)?.rev];
    if (first === undefined || last === undefined) return [];
    const contents = await readContents(session, tenant, first, last, page);
    return page.map((row) => partOfRow(tenant, row, contents.get(row.rev)));
  });
}

/** The revisions that are looked for, in their order, with what they changed where it is kept. */
export async function findRevisions(
  database: Database,
  tenant: string,
  query: RevisionQuery,
): Promise<readonly FoundRevision[]> {
  const { sinceMs, untilMs, callerId, operation, object, after, newestFirst, limit } = query;
  const values: unknown[] = [tenant, sinceMs, untilMs, limit];
  const where = ["r.tenant_id = $1", "r.committed_at_ms >= $2", "r.committed_at_ms < $3"];
  if (callerId !== undefined) where.push(`r.caller_id = $${values.push(callerId)}`);
  if (operation !== undefined) where.push(`r.operation = $${values.push(operation)}`);
  if (after !== undefined) where.push(`r.rev ${newestFirst ? "<" : ">"} $${values.push(after)}`);
  if (object !== undefined) {
    const type = values.push(object.type);
    const same = `c.tenant_id = $1 and c.object_type = $${type} and c.object_id = $${values.push(object.id)}`;
    where.push(`r.rev in (select c.created_rev from relation_tuple c where ${same}
      union select c.deleted_rev from relation_tuple c where ${same} and c.deleted_rev is not null)`);
  }
  const text = `select ${columns} from revision r join tenant t on t.id = r.tenant_id
    where ${where.join(" and ")} order by r.rev ${newestFirst ? "desc" : "asc"} limit $4`;
  const rows = withinTuples(await database.readOnce<RevisionRow>(text, values));
  if (rows.length === 0) return [];
  return database.snapshot(async (session) => {
    const revisions: FoundRevision[] = [];
    for (const row of rows) {
      const contents = await readContents(session, tenant, row.rev, row.rev, [row]);
      const content = contents.get(row.rev);
      revisions.push({
        part: partOfRow(tenant, row, content),
        created: content?.created.map(tupleOfRow) ?? [],
        deleted: content?.deleted.map(tupleOfRow) ?? [],
      });
    }
    return revisions;
  });
}

interface RevisionRow {
  readonly rev: number;
  readonly committed_at_ms: number;
  readonly caller_id: string;
  readonly operation: string;
  readonly reason: string;
  readonly model_id: string | null;
  readonly created_count: number;
  readonly deleted_count: number;
  readonly content_digest: Buffer | null;
  readonly digest: Buffer | null;
  readonly record_ids: string | null;
  readonly live_digest: Buffer | null;
  readonly signer: string | null;
  readonly signature: Buffer | null;
  readonly signed_count: number | null;
  readonly horizon: number;
}

interface Content {
  readonly created: TupleRow[];
  readonly deleted: TupleRow[];
  readonly records: RecordRow[];
}

function withinTuples(rows: readonly RevisionRow[]): readonly RevisionRow[] {
  let tuples = 0;
  const end = rows.findIndex((row, index) => {
    tuples += row.created_count + row.deleted_count;
    return index > 0 && tuples > tuplesMax;
  });
  return end < 0 ? rows : rows.slice(0, end);
}

/** What revisions changed, by revision; of those at or below the horizon it is not all kept. */
async function readContents(
  session: Session,
  tenant: string,
  first: number,
  last: number,
  rows: readonly RevisionRow[],
): Promise<ReadonlyMap<number, Content>> {
  const contents = new Map<number, Content>();
  for (const { rev, horizon } of rows) {
    if (rev > horizon) contents.set(rev, { created: [], deleted: [], records: [] });
  }
  const ids = rows.flatMap(({ rev, record_ids: text }) =>
    text === null || !contents.has(rev) ? [] : text.split(" ").map((id) => [id, rev] as const),
  );
  const revisionOfId = new Map(ids);
  const values = [tenant, first, last];
  const [created, deleted, records] = await Promise.all([
    session.query<TupleRow & { readonly rev: number }>(createdStatement, values),
    session.query<TupleRow & { readonly rev: number }>(deletedStatement, values),
    session.query<RecordRow>(recordsStatement, [tenant, [...revisionOfId.keys()]]),
  ]);
  for (const row of created) contents.get(row.rev)?.created.push(row);
  for (const row of deleted) contents.get(row.rev)?.deleted.push(row);
  for (const row of records) {
    const rev = revisionOfId.get(String(row.id));
    if (rev !== undefined) contents.get(rev)?.records.push(row);
  }
  return contents;
}

function partOfRow(tenant: string, row: RevisionRow, found: Content | undefined): RevisionPart {
  const sealed = row.content_digest !== null;
  const content: RevisionContent | undefined = found && {
    created: found.created.map(sealedTuple),
    deleted: found.deleted.map(sealedTuple),
    records: found.records.map(sealedRecord),
  };
  return {
    kind: "revision",
    facts: {
      tenant,
      revision: row.rev,
      committedAtMs: row.committed_at_ms,
      callerId: row.caller_id,
      operation: row.operation,
      reason: row.reason,
      modelId: row.model_id,
      createdCount: row.created_count,
      deletedCount: row.deleted_count,
      recordIds: row.record_ids,
      contentDigest: row.content_digest?.toString("hex") ?? "",
      ...(row.live_digest === null ? {} : { liveDigest: row.live_digest.toString("hex") }),
      ...(row.signer === null ? {} : { signer: row.signer }),
    },
    digest: row.digest?.toString("hex") ?? "",
    ...signedOfRow(row),
    ...(content === undefined ? {} : { content }),
    ...(content === undefined || !sealed ? {} : { contentDigest: digestOfContent(content) }),
  };
}

function signedOfRow({
  signature,
  signed_count: count,
}: RevisionRow): Pick<RevisionPart, "signed"> {
  if (signature === null || count === null) return {};
  return { signed: { count, signature: signature.toString("base64url") } };
}

const columns = `r.rev, r.committed_at_ms, r.caller_id, r.operation, r.reason, r.model_id,
  r.created_count, r.deleted_count, r.content_digest, r.digest, r.record_ids, r.live_digest, r.signer,
  r.signature, r.signed_count, t.horizon`;
const tuple = tupleColumns.map((name) => `c.${name}`).join(", ");

const pageStatement: Statement = {
  name: "log_revisions",
  text: `select ${columns} from revision r join tenant t on t.id = r.tenant_id
    where r.tenant_id = $1 and r.rev > $2 order by r.rev limit 1000`,
};

const createdStatement: Statement = {
  name: "log_created",
  text: `select c.created_rev as rev, ${tuple} from relation_tuple c
    where c.tenant_id = $1 and c.created_rev between $2 and $3 order by c.created_rev, c.ord`,
};

const deletedStatement: Statement = {
  name: "log_deleted",
  text: `select c.deleted_rev as rev, ${tuple} from relation_tuple c
    where c.tenant_id = $1 and c.deleted_rev between $2 and $3`,
};

const recordsStatement: Statement = {
  name: "log_records",
  text: `select ${recordColumns.join(", ")} from delegation_record
    where tenant_id = $1 and id = any($2::text[])`,
};
