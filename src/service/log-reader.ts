import type {
  ChainPart,
  CheckpointPart,
  LogPart,
  RevisionPart,
  SegmentPart,
} from "../audit/log-part.ts";
import type { RevisionQuery } from "../store/log-revisions.ts";
import type { SegmentQuery } from "../store/log-segments.ts";

/** What auditors read of the log. Everything rejects with `not_serving` where the database is away. */
export interface LogStorage {
  readonly chains: (tenant: string) => Promise<readonly ChainPart[]>;
  /** Of a chain, in order, those that begin after the row. */
  readonly segments: (
    tenant: string,
    chain: string,
    afterSeq: number,
    limit: number,
  ) => Promise<readonly SegmentPart[]>;
  readonly find: (tenant: string, query: SegmentQuery) => Promise<readonly SegmentPart[]>;
  readonly findDecision: (
    tenant: string,
    decision: { readonly source: string; readonly count: number },
  ) => Promise<readonly SegmentPart[]>;
  readonly checkpoints: (
    tenant: string,
    after: { readonly chain: string; readonly seq: number },
    limit: number,
  ) => Promise<readonly CheckpointPart[]>;
  readonly lastCheckpoints: (tenant: string) => Promise<readonly CheckpointPart[]>;
  /** In order, those after the revision; none are the end. */
  readonly revisions: (tenant: string, after: number) => Promise<readonly RevisionPart[]>;
  readonly findRevisions: (
    tenant: string,
    query: RevisionQuery,
  ) => Promise<readonly RevisionPart[]>;
}

const checkpointsAtOnce = 1_000;
const segmentsAtOnce = 20;

/**
 * The whole log of a tenant, part by part: memory holds a few segments. Rows that are written meanwhile
 * may be in it, and their checkpoints not.
 */
export async function* readLog(
  storage: LogStorage,
  tenant: string,
  signal: AbortSignal,
): AsyncGenerator<LogPart, void, undefined> {
  let last = { chain: "", seq: -1 };
  for (;;) {
    signal.throwIfAborted();
    const page = await storage.checkpoints(tenant, last, checkpointsAtOnce);
    yield* page;
    const at = page.at(-1)?.at;
    if (at === undefined || page.length < checkpointsAtOnce) break;
    last = at;
  }
  for (const chain of await storage.chains(tenant)) {
    yield chain;
    yield* readSegments(storage, tenant, chain, signal);
  }
  let after = 0;
  for (;;) {
    signal.throwIfAborted();
    const page = await storage.revisions(tenant, after);
    yield* page;
    const revision = page.at(-1)?.facts.revision;
    if (revision === undefined) return;
    after = revision;
  }
}

/** Up to the end as the chain's own row had it: what is appended meanwhile is left out. */
async function* readSegments(
  storage: LogStorage,
  tenant: string,
  { chain, headSeq }: ChainPart,
  signal: AbortSignal,
): AsyncGenerator<SegmentPart, void, undefined> {
  let after = -1;
  for (;;) {
    signal.throwIfAborted();
    const page = await storage.segments(tenant, chain, after, segmentsAtOnce);
    const isLate = page.some(({ firstSeq }) => firstSeq > headSeq);
    const endSeq = isLate ? await endOf(storage, tenant, chain) : headSeq;
    for (const segment of page) {
      const { firstSeq } = segment;
      // What lies behind the end is nothing that a node has appended: it is shown.
      if (firstSeq <= headSeq || firstSeq > endSeq) yield segment;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < segmentsAtOnce) return;
    after = last.firstSeq;
  }
}

async function endOf(storage: LogStorage, tenant: string, name: string): Promise<number> {
  const chains = await storage.chains(tenant);
  return chains.find(({ chain }) => chain === name)?.headSeq ?? -1;
}
