import { claimOfCheckpoint } from "../audit/checkpoint.ts";
import type { AgedChain } from "../store/log-retention.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { TenantStorage } from "./storage.ts";

/** What of the log is older than is kept. */
export interface AgedLog {
  /** All chains of the tenant, and how far they are from before the time. */
  readonly chains: (tenant: string, beforeMs: number) => Promise<readonly AgedChain[]>;
  /** Of the chain's checkpoints up to the row some, the last first. */
  readonly checkpoints: (
    tenant: string,
    chain: string,
    through: number,
  ) => Promise<readonly string[]>;
  readonly isTruncated: (tenant: string) => Promise<boolean>;
  readonly deleteRows: (tenant: string, chain: string, through: number) => Promise<void>;
  /** The last that is from before the time; 0: none is. */
  readonly revision: (tenant: string, beforeMs: number) => Promise<number>;
  readonly deleteRevisions: (tenant: string, through: number) => Promise<void>;
  /** Whether anything above the horizon was changed up to that time. */
  readonly hasHistory: (tenant: string, beforeMs: number) => Promise<boolean>;
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
 * Removes what has grown old from the logs of all tenants. A signed row says first what is old, and
 * only the next sweep removes it: whoever reads the log meanwhile has read that row. What it removes
 * is as old as a checkpoint shows. Breaking it off is harmless, and so is doing it twice.
 */
export class LogSweeper {
  readonly #ports: Dependencies;
  /** What was last said of each tenant, and when. */
  readonly #said = new Map<string, { readonly beforeMs: number; readonly atMs: number }>();
  readonly #historySaid = new Map<string, number>();

  constructor(ports: Dependencies) {
    this.#ports = ports;
  }

  async sweep(signal: AbortSignal): Promise<void> {
    const { tenants } = this.#ports;
    let after: string | undefined;
    do {
      const page = await tenants.list({
        ...(after === undefined ? {} : { after }),
        limit: tenantsAtOnce,
      });
      for (const { tenant } of page) {
        if (signal.aborted) return;
        await this.#sweepTenant(tenant);
      }
      after = page.length < tenantsAtOnce ? undefined : page.at(-1)?.tenant;
    } while (after !== undefined);
  }

  /**
   * Says that what was changed up to that time is old. Returns up to when it was said the time before:
   * that may be forgotten now; `undefined`: nothing may.
   */
  async sayHistory(tenant: string, beforeMs: number): Promise<number | undefined> {
    const { log, aged } = this.#ports;
    const said = this.#historySaid.get(tenant);
    if (await aged.hasHistory(tenant, beforeMs)) {
      await log.note(tenant, { kind: "history", before: beforeMs });
      this.#historySaid.set(tenant, beforeMs);
    }
    return said;
  }

  async #sweepTenant(tenant: string): Promise<void> {
    const { log, aged, keepMs, nowMs } = this.#ports;
    const said = this.#said.get(tenant);
    if (said !== undefined) await this.#remove(tenant, said.beforeMs);
    const atMs = nowMs();
    const beforeMs = atMs - keepMs;
    const chains = await aged.chains(tenant, beforeMs);
    const isOld =
      chains.some(({ isLeft }) => isLeft) || (await aged.revision(tenant, beforeMs)) > 0;
    // The row that says so grows old itself: it is there again long before it goes.
    const isSaid = said !== undefined && atMs - said.atMs < keepMs / 2;
    if (!isOld && (isSaid || !(await aged.isTruncated(tenant)))) return;
    await log.note(tenant, { kind: "retention", before: beforeMs });
    this.#said.set(tenant, { beforeMs, atMs });
  }

  async #remove(tenant: string, beforeMs: number): Promise<void> {
    const { aged } = this.#ports;
    let revision = 0;
    for (const chain of await aged.chains(tenant, beforeMs)) {
      if (chain.through === 0) continue;
      const shown = await this.#shownOld(tenant, chain, beforeMs);
      revision = Math.max(revision, shown.revision);
      if (shown.through > 0) await aged.deleteRows(tenant, chain.chain, shown.through);
    }
    const through = Math.min(revision, await aged.revision(tenant, beforeMs));
    if (through > 0) await aged.deleteRevisions(tenant, through);
  }

  /** Up to where checkpoints show that a chain, and the revisions that it tells of, are old. */
  async #shownOld(
    tenant: string,
    { chain, through, headSeq }: AgedChain,
    beforeMs: number,
  ): Promise<{ readonly through: number; readonly revision: number }> {
    const bodies = await this.#ports.aged.checkpoints(tenant, chain, through);
    const claims = bodies.flatMap((body) => claimOfCheckpoint(body) ?? []);
    const old = claims.filter(({ atMs }) => atMs < beforeMs);
    const revision = Math.max(0, ...old.map((claim) => claim.revision ?? 0));
    // The end of a chain that ended without a word is signed by nobody.
    const isOver = headSeq === through && old.length === claims.length;
    return { through: isOver ? through : (old[0]?.seq ?? 0), revision };
  }
}
