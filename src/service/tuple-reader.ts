import type { Permits } from "../core/caller.ts";
import type { Json } from "../core/json.ts";
import { formatToken } from "../core/revision.ts";
import {
  formatTuple,
  parseTupleText,
  type RelationTuple,
  type TupleFilter,
} from "../core/tuple.ts";
import { otherTimeline, pinOf, type Evaluator, type Pin } from "./evaluator.ts";
import { formatPageToken, pageSizeOf, parsePageToken, type PagePosition } from "./page-token.ts";
import type { Consistency, Paged, PageRequest, RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";
import type { ExportChunk } from "./tuples.ts";

export interface ReadDependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly permits: Permits;
}

const exportChunkTuples = 2_000;

/** One page of what matches, in canonical order, pinned to the first page's revision. */
export async function readTuples(
  dependencies: ReadDependencies,
  context: RequestContext,
  filter: TupleFilter,
  page: PageRequest,
  consistency: Consistency,
): Promise<Paged<RelationTuple>> {
  const { storage, permits } = dependencies;
  const { tenant } = context;
  await permits(context.caller, "reader", { tenant });
  const request: Json = { read: { ...filter }, consistency: { ...consistency } };
  const size = pageSizeOf(page);
  const start = parsePageToken(page, request);
  const pin = await pinOfPage(dependencies, context, consistency, start);
  const tuples = await storage.tuples.read(tenant, {
    filter,
    revision: pin.revision,
    limit: size + 1,
    ...(start === undefined ? {} : { after: parseTupleText(start.after, "page_token") }),
  });
  const items = tuples.slice(0, size);
  const last = items.at(-1);
  const token = formatToken({ tenant, ...pin });
  if (tuples.length <= size || last === undefined) return { items, token };
  const nextPageToken = formatPageToken({ pin, after: formatTuple(last) }, request);
  return { items, token, nextPageToken };
}

/** All that matches, chunk by chunk, at one revision: memory holds one chunk. */
export async function* exportTuples(
  dependencies: ReadDependencies,
  context: RequestContext,
  query: {
    readonly filter: TupleFilter;
    readonly cursor: string;
    readonly consistency: Consistency;
  },
): AsyncGenerator<ExportChunk, void, undefined> {
  const { storage, permits } = dependencies;
  const { tenant, signal } = context;
  const { filter, cursor, consistency } = query;
  await permits(context.caller, "reader", { tenant });
  const request: Json = { export: { ...filter } };
  const start = parsePageToken({ pageSize: 0, pageToken: cursor }, request);
  const pin = await pinOfPage(dependencies, context, consistency, start);
  const token = formatToken({ tenant, ...pin });
  let after = start === undefined ? undefined : parseTupleText(start.after, "cursor");
  for (;;) {
    signal.throwIfAborted();
    const tuples: readonly RelationTuple[] = await storage.tuples.read(tenant, {
      filter,
      revision: pin.revision,
      limit: exportChunkTuples,
      ...(after === undefined ? {} : { after }),
    });
    after = tuples.at(-1);
    if (after === undefined) return;
    yield { tuples, token, cursor: formatPageToken({ pin, after: formatTuple(after) }, request) };
    if (tuples.length < exportChunkTuples) return;
  }
}

/** Where a list goes on. Fails with `revision_expired` where its revisions are of an earlier timeline. */
async function pinOfPage(
  dependencies: Pick<ReadDependencies, "evaluator">,
  context: RequestContext,
  consistency: Consistency,
  start: PagePosition | undefined,
): Promise<Pin> {
  if (start === undefined) return pinNow(dependencies, context, consistency);
  const { timeline } = await pinNow(dependencies, context, { kind: "default" });
  if (timeline !== start.pin.timeline) throw otherTimeline("page_token");
  return start.pin;
}

/** The revision that a read begins at. */
export async function pinNow(
  { evaluator }: Pick<ReadDependencies, "evaluator">,
  context: RequestContext,
  consistency: Consistency,
): Promise<Pin> {
  return evaluator.run(context, consistency, (snapshot) => ({
    kind: "decided",
    value: pinOf(snapshot),
  }));
}
