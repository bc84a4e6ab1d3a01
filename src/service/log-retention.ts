import { changesName } from "../audit/verify-log.ts";
import type { AgedRevision, AgedRows } from "../store/log-retention.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { TenantStorage } from "./storage.ts";

/** What of the log is older than is kept. */
export interface AgedLog {
  readonly findRows: (
    tenant: string,
    beforeMs: number,
    notedBeforeMs: number,
  ) => Promise<readonly AgedRows[]>;
  readonly deleteRows: (tenant: string, rows: AgedRows, notedMs: number) => Promise<void>;
  readonly findRevision: (
    tenant: string,
    beforeMs: number,
    notedBeforeMs: number,
  ) => Promise<AgedRevision | undefined>;
  readonly deleteRevisions: (tenant: string, aged: AgedRevision, notedMs: number) => Promise<void>;
}

interface Dependencies {
  readonly log: Pick<DecisionLog, "note">;
  readonly aged: AgedLog;
  readonly tenants: Pick<TenantStorage, "list">;
  /** How long rows are kept, in milliseconds. */
  readonly keepMs: number;
  readonly nowMs: () => number;
}

const tenantsAtOnce = 200;

/**
 * Removes what has grown old from the logs of all tenants. A signed row says first what goes: else its
 * absence could not be told from a theft. Breaking it off is harmless, and so is doing it twice.
 */
export async function sweepLogs(
  { log, aged, tenants, keepMs, nowMs }: Dependencies,
  signal: AbortSignal,
): Promise<void> {
  let after: string | undefined;
  do {
    const page = await tenants.list({
      ...(after === undefined ? {} : { after }),
      limit: tenantsAtOnce,
    });
    for (const { tenant } of page) {
      if (signal.aborted) return;
      const now = nowMs();
      const before = now - keepMs;
      // Half the time that the row itself is kept: it is there again long before it goes.
      const notedBefore = now - keepMs / 2;
      for (const rows of await aged.findRows(tenant, before, notedBefore)) {
        const { chain, through, hash } = rows;
        await log.note(tenant, { kind: "retention", of: chain, through, hash, before });
        await aged.deleteRows(tenant, rows, now);
      }
      const revision = await aged.findRevision(tenant, before, notedBefore);
      if (revision === undefined) continue;
      await log.note(tenant, { kind: "retention", of: changesName, ...revision, before });
      await aged.deleteRevisions(tenant, revision, now);
    }
    after = page.length < tenantsAtOnce ? undefined : page.at(-1)?.tenant;
  } while (after !== undefined);
}
