import { setImmediate as immediate } from "node:timers/promises";
import type {
  ChainPart,
  CheckpointPart,
  LogPart,
  RevisionPart,
  SegmentPart,
  TuplesPart,
} from "../audit/log-part.ts";
import { DomainError } from "../core/error.ts";
import type { Json } from "../core/json.ts";
import type { Standing, TuplePlace } from "../store/log-live.ts";
import type { FoundRevision, RevisionQuery } from "../store/log-revisions.ts";
import type { SegmentQuery } from "../store/log-segments.ts";

/** What auditors read of the log. Everything rejects with `not_serving` where the database is away. */
export interface LogStorage {
  /** Their names, in order. */
  readonly chains: (tenant: string) => Promise<readonly string[]>;
  /** A chain as it begins, with the first of its segments. */
  readonly chainStart: (
    tenant: string,
    chain: string,
    limit: number,
  ) => Promise<{ readonly part: ChainPart; readonly segments: readonly SegmentPart[] }>;
  readonly standing: (tenant: string) => Promise<Standing>;
  /** Those that were live at the revision, in order, after that place; fewer than `limit` are the end. */
  readonly liveTuples: (
    tenant: string,
    revision: number,
    after: TuplePlace | undefined,
    limit: number,
  ) => Promise<readonly (readonly Json[])[]>;
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
  ) => Promise<readonly FoundRevision[]>;
}

const checkpointsAtOnce = 1_000;
const segmentsAtOnce = 5;
const tuplesAtOnce = 500;
/** Of the tuples of a part, in UTF-16 units, but for the last of them. */
const partLength = 256 * 1024;
/** Whoever verifies so many revisions takes some milliseconds. */
const revisionsAtOnce = 20;

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
    yield* readChain(storage, tenant, chain, signal);
  }
  yield* readChanges(storage, tenant, signal);
}

async function* readChanges(
  storage: LogStorage,
  tenant: string,
  signal: AbortSignal,
): AsyncGenerator<LogPart, void, undefined> {
  const { head, base, live } = await storage.standing(tenant);
  yield { kind: "changes", base, head };
  let after = 0;
  for (;;) {
    signal.throwIfAborted();
    const page = await storage.revisions(tenant, after);
    const [first, last] = [page[0]?.facts.revision, page.at(-1)?.facts.revision];
    const next = Math.max(after, base.seq) + 1;
    if (first !== undefined && first > next) {
      const now = await storage.standing(tenant);
      if (now.base.seq >= next) throw removed();
    }
    for (const [index, part] of page.entries()) {
      if (index % revisionsAtOnce === 0) await immediate();
      yield part;
    }
    if (last === undefined) break;
    after = last;
  }
  yield live;
  yield* readTuples(storage, tenant, head, signal);
}

async function* readTuples(
  storage: LogStorage,
  tenant: string,
  head: number,
  signal: AbortSignal,
): AsyncGenerator<TuplesPart, void, undefined> {
  let after: TuplePlace | undefined;
  for (;;) {
    signal.throwIfAborted();
    const rows = await storage.liveTuples(tenant, head, after, tuplesAtOnce);
    const [createdRev, ord] = rows.at(-1) ?? [];
    yield* partsOfTuples(rows);
    if (rows.length < tuplesAtOnce) return;
    after = { createdRev: Number(createdRev), ord: Number(ord) };
  }
}

/** An export sends a part as one message, and a tuple may have a context of 64 KiB. */
function* partsOfTuples(rows: readonly (readonly Json[])[]): Generator<TuplesPart> {
  let part: (readonly Json[])[] = [];
  let length = 0;
  for (const row of rows) {
    part.push(row);
    length += JSON.stringify(row).length;
    if (length < partLength) continue;
    yield { kind: "tuples", rows: part };
    part = [];
    length = 0;
  }
  if (part.length > 0) yield { kind: "tuples", rows: part };
}

/** Up to the end as the chain's own row had it: what is appended meanwhile is left out. */
async function* readChain(
  storage: LogStorage,
  tenant: string,
  chain: string,
  signal: AbortSignal,
): AsyncGenerator<ChainPart | SegmentPart, void, undefined> {
  const { part, segments } = await storage.chainStart(tenant, chain, segmentsAtOnce);
  yield part;
  const { headSeq } = part;
  let last: SegmentPart | undefined;
  for (let page = segments; ; page = await nextSegments(storage, tenant, chain, last)) {
    signal.throwIfAborted();
    const isLate = page.some(({ firstSeq }) => firstSeq > headSeq);
    const end = isLate ? await storage.chainStart(tenant, chain, 0) : { part };
    for (const segment of page) {
      const { firstSeq } = segment;
      // What lies behind the end is nothing that a node has appended: it is shown.
      if (firstSeq <= headSeq || firstSeq > end.part.headSeq) yield segment;
      // Whoever verifies it takes milliseconds: others want to be answered in between.
      await immediate();
    }
    last = page.at(-1);
    if (last === undefined || page.length < segmentsAtOnce) return;
  }
}

async function nextSegments(
  storage: LogStorage,
  tenant: string,
  chain: string,
  last: SegmentPart | undefined,
): Promise<readonly SegmentPart[]> {
  const next = (last?.index?.lastSeq ?? 0) + 1;
  const page = await storage.segments(tenant, chain, last?.firstSeq ?? -1, segmentsAtOnce);
  const [first] = page;
  if (first !== undefined && first.firstSeq > next) {
    const { part } = await storage.chainStart(tenant, chain, 0);
    if (part.base.seq >= next) throw removed();
  }
  return page;
}

/** No gap is told of that was none when the reading began. */
function removed(): DomainError {
  const problem = "old rows of the log were removed while they were read, try again";
  return new DomainError("not_serving", problem);
}
