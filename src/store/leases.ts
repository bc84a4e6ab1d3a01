import { DomainError } from "../core/error.ts";
import {
  parseRevision,
  parseTimeline,
  type ConsistencyToken,
  type Revision,
  type Timeline,
} from "../core/revision.ts";
import { sqlStateOf } from "./database-error.ts";
import { onlyRow, type Database, type Session, type Statement } from "./database.ts";
import type { HintSeal } from "./hint-seal.ts";
import { acknowledgementChannel, sealAcknowledgement } from "./hints.ts";
import { hasEnded } from "./process-identity.ts";

/** One statement a rule of the revocation protocol (L1 to L8, W4, W5); the rule is named at each. */

export interface LeaseRegistration {
  readonly leaseId: string;
  /** A label for people, never a key. */
  readonly node: string;
  readonly killMs: number;
}

export interface LeaseRow {
  readonly leaseId: string;
  readonly node: string;
  readonly renewSeq: number;
  readonly killMs: number;
}

export interface LeaseRenewal {
  /** False where the row is gone or of another timeline: the lease is lost. */
  readonly renewed: boolean;
  readonly databaseTimeMs: number;
  readonly heads: readonly { readonly tenant: string; readonly revision: Revision }[];
  /** All rows up to 300, else a random tenth and those that were asked for. */
  readonly leases: readonly LeaseRow[];
}

const registerStatement: Statement = {
  name: "lease_register",
  text: `insert into lease (lease_id, node, tl, kill_ms, process)
    values ($1, $2, prokura_timeline(), $3, $4) returning tl`,
};

/** L1, durable. The id is new, and is thrown away where this fails. */
export async function registerLease(
  database: Database,
  lease: LeaseRegistration,
): Promise<{ readonly timeline: Timeline }> {
  const rows = await database.query<{ readonly tl: string }>("leases", registerStatement, [
    lease.leaseId,
    lease.node,
    lease.killMs,
    database.ownProcess ?? null,
  ]);
  return { timeline: parseTimeline(onlyRow(rows).tl) };
}

const subscribeStatement: Statement = {
  name: "lease_subscribe",
  text: `with added as (insert into lease_tenant (tenant_id, lease_id) values ($1, $2)
      on conflict do nothing returning 1),
    kept as (update lease_tenant set acked_rev = acked_rev
      where tenant_id = $1 and lease_id = $2 returning 1)
    select (select count(*) from added) + (select count(*) from kept) as rows`,
};

/**
 * L2, durable. The row is nobody's but the lease's: it goes with it. A row that is there already may be
 * one that the standby lacks, after a crash or a cancelled wait. Only a commit waits for the standby, so
 * a repetition writes as well.
 */
export async function subscribeLease(
  database: Database,
  leaseId: string,
  tenant: string,
): Promise<"subscribed" | "lease_lost"> {
  try {
    const values = [tenant, leaseId];
    const { rows } = onlyRow(
      await database.query<{ readonly rows: number }>("leases", subscribeStatement, values),
    );
    // Another copy of this statement has been faster: the row is there for the next one.
    if (rows === 0) throw new DomainError("not_serving", "the same subscription is under way");
    return "subscribed";
  } catch (error) {
    const cause = error instanceof DomainError ? error.cause : error;
    if (sqlStateOf(cause) === "23503") return "lease_lost";
    throw error;
  }
}

const renewStatement: Statement = {
  name: "lease_renew",
  text: `with renewal as (update lease set renew_seq = renew_seq + 1
      where lease_id = $1 and tl = prokura_timeline() returning 1)
    select (select count(*) from renewal) as renewed, prokura_now_ms() as now_ms,
      (select coalesce(json_agg(json_build_array(t.id, t.head)), '[]')
        from lease_tenant s join tenant t on t.id = s.tenant_id where s.lease_id = $1) as heads,
      (select coalesce(json_agg(
          json_build_array(l.lease_id, l.node, l.renew_seq, l.kill_ms, l.process)), '[]')
        from lease l where (select count(*) from lease) <= 300 or random() < 0.1
          or l.lease_id = any($2::uuid[])) as leases`,
};

interface RenewRow {
  readonly renewed: number;
  readonly now_ms: number;
  readonly heads: readonly (readonly [string, number])[];
  readonly leases: readonly (readonly [string, string, number, number, string | null])[];
}

/**
 * L3 with L7, durable: the rows of `waitedFor` are among the leases where they still stand. Those whose
 * process is proven to have ended are removed beside it, and nobody waits for them any longer.
 */
export async function renewLease(
  database: Database,
  leaseId: string,
  waitedFor: readonly string[] = [],
): Promise<LeaseRenewal> {
  const values = [leaseId, waitedFor];
  const row = onlyRow(await database.query<RenewRow>("leases", renewStatement, values));
  if (database.ownProcess !== undefined) void removeEnded(database, row.leases);
  return {
    renewed: row.renewed === 1,
    databaseTimeMs: row.now_ms,
    heads: row.heads.map(([tenant, head]) => ({ tenant, revision: parseRevision(head) })),
    leases: row.leases.map(([id, node, renewSeq, killMs]) => ({
      leaseId: id,
      node,
      renewSeq,
      killMs,
    })),
  };
}

const endedStatement: Statement = {
  name: "lease_ended",
  text: "delete from lease where lease_id = any($1::uuid[])",
};

/** What cannot be removed now is found again by the next renewal. */
async function removeEnded(database: Database, leases: RenewRow["leases"]): Promise<void> {
  const ended = leases.flatMap(([id, , , , process]) =>
    process !== null && process !== database.ownProcess && hasEnded(process) ? [id] : [],
  );
  if (ended.length === 0) return;
  await database.query("leases", endedStatement, [ended]).catch(() => undefined);
}

const acknowledgeStatement: Statement = {
  name: "lease_acknowledge",
  text: `with acknowledged as (update lease_tenant set acked_rev = greatest(acked_rev, $3)
      where tenant_id = $2 and lease_id = $1 returning 1)
    select pg_notify(channel, $4) from acknowledged, lease l, unnest($5::text[]) as channel
    where l.lease_id = $1 and l.tl = $6 and l.tl = prokura_timeline()`,
};

/** Whom to tell of an acknowledgement, and as who. */
export interface Asked {
  readonly seal: HintSeal;
  readonly by: readonly string[];
}

/**
 * L4, not durable. Whoever asked is told what a scan would find from then on: that a lease of the
 * timeline has acknowledged the revision. So nothing is told where the primary is of another one.
 */
export async function acknowledgeRevision(
  database: Database,
  leaseId: string,
  { tenant, timeline, revision }: ConsistencyToken,
  asked?: Asked,
): Promise<void> {
  const isAsked = asked !== undefined && asked.by.length > 0;
  await database.query("hints", acknowledgeStatement, [
    leaseId,
    tenant,
    revision,
    isAsked ? sealAcknowledgement(asked.seal, { tenant, timeline, revision, leaseId }) : "",
    asked?.by.map(acknowledgementChannel) ?? [],
    timeline,
  ]);
}

const scanStatement: Statement = {
  name: "lease_scan",
  text: `select prokura_timeline() as timeline, coalesce((select json_agg(json_build_array(
      (select count(*) from lease_tenant where tenant_id = w.tenant),
      array(select s.lease_id::text from lease_tenant s join lease l using (lease_id)
        where s.tenant_id = w.tenant
          and (s.acked_rev < w.revision or l.tl <> (select prokura_timeline())))
      ) order by w.place)
    from unnest($1::text[], $2::bigint[]) with ordinality as w(tenant, revision, place)), '[]') as scanned`,
};

export interface LeaseScan {
  readonly timeline: Timeline;
  /** One for each that was asked about, in that order. */
  readonly scanned: readonly ScannedLeases[];
}

export interface ScannedLeases {
  readonly waitingFor: readonly string[];
  /** Of the tenant in all. */
  readonly leases: number;
}

interface Wanted {
  readonly tenant: string;
  readonly revision: Revision;
}

interface ScanRow {
  readonly timeline: string;
  readonly scanned: readonly (readonly [number, readonly string[]])[];
}

/** W4: who has not acknowledged the revisions, of each tenant, in one snapshot. */
export async function scanLeases(
  database: Database,
  wanted: readonly Wanted[],
): Promise<LeaseScan> {
  return scanOf(await database.query<ScanRow>("hints", scanStatement, valuesOf(wanted)));
}

/** The same on a session that is in no transaction, behind what was committed there. */
export async function scanLeasesIn(
  session: Session,
  wanted: readonly Wanted[],
): Promise<LeaseScan> {
  return scanOf(await session.query<ScanRow>(scanStatement, valuesOf(wanted)));
}

function valuesOf(wanted: readonly Wanted[]): readonly unknown[] {
  return [wanted.map(({ tenant }) => tenant), wanted.map(({ revision }) => revision)];
}

function scanOf(rows: readonly ScanRow[]): LeaseScan {
  const row = onlyRow(rows);
  return {
    timeline: parseTimeline(row.timeline),
    scanned: row.scanned.map(([leases, waitingFor]) => ({ leases, waitingFor })),
  };
}

const killStatement: Statement = {
  name: "lease_kill",
  text: "delete from lease where lease_id = $1 and renew_seq = $2 returning 1 as killed",
};

/**
 * L8, durable: only where the lease was not renewed since the counter was seen. A renewal in flight
 * holds the row, and one of the two affects no row.
 */
export async function killLease(
  database: Database,
  leaseId: string,
  renewSeq: number,
): Promise<boolean> {
  return (await database.query("leases", killStatement, [leaseId, renewSeq])).length === 1;
}

const releaseStatement: Statement = {
  name: "lease_release",
  text: "delete from lease where lease_id = $1",
};

/** L6, and the last step of L5. */
export async function releaseLease(database: Database, leaseId: string): Promise<void> {
  await database.query("leases", releaseStatement, [leaseId]);
}
