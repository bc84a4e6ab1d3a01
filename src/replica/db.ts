import type { RevisionChange, Head } from "../core/change.ts";
import type { LoadedPage, PageKey, TakePart } from "../core/page.ts";
import type { ConsistencyToken, Revision, Timeline } from "../core/revision.ts";

/**
 * What the replica needs of a database, a statement or transaction each (REVOCATION §4: the rule is
 * named at each). The production adapter speaks to PostgreSQL, the simulated one to nothing. All
 * reject with `DomainError` code `not_serving` where the database is away or the outcome is not known.
 */
export interface Db {
  /** L1. Inserts the lease row, durably. The id must be new; it is never inserted twice. */
  register(lease: LeaseRegistration): Promise<{ readonly timeline: Timeline }>;
  /** L2. Durable. `lease_lost` where the lease row is gone. Harmless to repeat. */
  subscribe(leaseId: string, tenant: string): Promise<"subscribed" | "lease_lost">;
  /** L3 with L7. Durable. The rows of `waitedFor` are told of in any case, while they stand. */
  renew(leaseId: string, waitedFor: readonly string[]): Promise<Renewal>;
  /**
   * L4. Not durable. Those who asked are told, if that arrives, what a scan finds from then on: nothing
   * where the row is gone, or the lease or the primary is not of that timeline.
   */
  acknowledge(
    leaseId: string,
    applied: ConsistencyToken,
    askedBy: readonly string[],
  ): Promise<void>;
  /** C1. One statement, one snapshot. */
  poll(tenant: string, applied: Revision): Promise<Poll>;
  /** C3. One REPEATABLE READ READ ONLY transaction: the poll and the pages at its head. `take` gets parts of large ones. */
  load(tenant: string, applied: Revision, pages: readonly PageKey[], take: TakePart): Promise<Load>;
  /** W4. One statement, one snapshot for all. One answer for each that is wanted, in that order. */
  scan(wanted: readonly WantedScan[]): Promise<Scan>;
  /** L8. Durable. True if a row was deleted. */
  kill(leaseId: string, renewSeq: number): Promise<boolean>;
  /** L6. */
  release(leaseId: string): Promise<void>;
  /** W5. A hint, in a statement of its own, never in a write's transaction. */
  notify(position: ConsistencyToken): Promise<void>;
}

export interface WantedScan {
  readonly tenant: string;
  readonly revision: Revision;
}

export interface Scan {
  readonly timeline: Timeline;
  readonly scanned: readonly {
    /** Leases of the tenant that have not acknowledged the revision, or are of another timeline. */
    readonly waitingFor: readonly string[];
    /** Of the tenant in all. */
    readonly leases: number;
  }[];
}

export interface LeaseRegistration {
  readonly leaseId: string;
  /** A label for people, never a key. */
  readonly node: string;
  readonly killMs: number;
}

export interface Renewal {
  /** False where the row is gone or of another timeline: the lease is lost. */
  readonly renewed: boolean;
  /** The database's clock, milliseconds since 1970. */
  readonly databaseTimeMs: number;
  readonly heads: readonly { readonly tenant: string; readonly revision: Revision }[];
  /** Rows of all nodes, or of a sample of them and all that a barrier waits for. */
  readonly leases: readonly LeaseRow[];
}

export interface LeaseRow {
  readonly leaseId: string;
  readonly node: string;
  readonly renewSeq: number;
  readonly killMs: number;
}

export interface Poll {
  readonly head: Head;
  /** Of (applied, head], in order, without a gap; `undefined` where they are not all kept or too many. */
  readonly changes: readonly RevisionChange[] | undefined;
}

export interface Load extends Poll {
  readonly pages: readonly LoadedPage[];
}
