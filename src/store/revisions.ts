import type { Head } from "../core/change.ts";
import { DomainError } from "../core/error.ts";
import { parseRevision, type Revision } from "../core/revision.ts";
import type { Session, Statement } from "./database.ts";
import { readHeadIn } from "./tenants.ts";

/** Fails unless the tenant is still known as it was at the revision. */
export function checkRevision(head: Head, revision: Revision): void {
  if (revision < head.horizon) {
    throw new DomainError(
      "revision_expired",
      `the history is kept from revision ${head.horizon} on, ${revision} is older`,
    );
  }
  if (revision > head.revision) {
    throw new DomainError(
      "revision_ahead",
      `revision ${revision} is not there yet, the head is ${head.revision}`,
    );
  }
}

export interface CommittedRevision {
  readonly revision: Revision;
  readonly committedAtMs: number;
  /** The model that was active then. */
  readonly modelId?: string;
}

/**
 * The last revision that was committed at or before the instant; `undefined` where the history that
 * is kept begins later. Commit times never go back, and there is a row for every revision, so it is
 * found by halving.
 */
export async function findRevisionAt(
  session: Session,
  tenant: string,
  instantMs: number,
): Promise<Revision | undefined> {
  const head = await readHeadIn(session, tenant);
  const [row] = await session.query<{ readonly rev: number }>(instantStatement, [
    tenant,
    instantMs,
    head.horizon,
    head.revision,
  ]);
  return row === undefined ? undefined : parseRevision(row.rev);
}

/** When a revision was committed, and under which model. Fails with `revision_expired`, `revision_ahead`. */
export async function readRevision(
  session: Session,
  tenant: string,
  revision: Revision,
): Promise<CommittedRevision> {
  const head = await readHeadIn(session, tenant);
  checkRevision(head, revision);
  const [row] = await session.query<RevisionRow>(revisionStatement, [tenant, revision]);
  if (row === undefined) {
    throw new DomainError("revision_expired", `revision ${revision} is no longer kept`);
  }
  return {
    revision,
    committedAtMs: row.committed_at_ms,
    ...(row.model_id === null ? {} : { modelId: row.model_id }),
  };
}

interface RevisionRow {
  readonly committed_at_ms: number;
  readonly model_id: string | null;
}

const instantStatement: Statement = {
  name: "revision_at",
  text: `with recursive halving(low, high) as (
      select $3::bigint, $4::bigint
      union all
      select case when found then middle else low end, case when found then high else middle - 1 end
      from (select low, high, (low + high + 1) / 2 as middle,
          coalesce((select r.committed_at_ms <= $2 from revision r
            where r.tenant_id = $1 and r.rev = (low + high + 1) / 2), false) as found
        from halving where low < high) step)
    select low as rev from halving h
    where low = high and (low = 0 or exists (select 1 from revision r
      where r.tenant_id = $1 and r.rev = h.low and r.committed_at_ms <= $2))`,
};

/** The model is that of the last activation at or before the revision. */
const revisionStatement: Statement = {
  name: "revision_read",
  text: `select coalesce((select r.committed_at_ms from revision r
        where r.tenant_id = $1 and r.rev = $2), case when $2 = 0 then 0 end) as committed_at_ms,
      (select a.model_id from model_activation a where a.tenant_id = $1 and a.rev <= $2
        order by a.rev desc limit 1) as model_id
    where $2 = 0 or exists (select 1 from revision r where r.tenant_id = $1 and r.rev = $2)`,
};
