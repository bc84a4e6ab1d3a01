import type { Json } from "../core/json.ts";
import { formatToken } from "../core/revision.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { EngineError, View } from "../engine/view.ts";
import { errorOf, pinOf, type Evaluator, type Pin } from "./evaluator.ts";
import { formatPageToken, pageSizeOf, parsePageToken } from "./page-token.ts";
import type { Consistency, Paged, PageRequest, RequestContext } from "./request.ts";

/** One slice of a list that the engine made: bounded work, perhaps no items, `next` until it is whole. */
export type Slice<Item> =
  | { readonly kind: "slice"; readonly items: readonly Item[]; readonly next?: string }
  | EngineError;

export type SliceOf<Item> = (
  view: View,
  after: string | undefined,
  limit: number,
) => Evaluated<Slice<Item>>;

/**
 * Fills one page, slice by slice, all at the revision of the list's first slice. Between slices the
 * event loop is free for checks.
 */
export async function readPage<Item>(
  evaluator: Evaluator,
  context: RequestContext,
  query: {
    readonly request: Json;
    readonly page: PageRequest;
    readonly consistency: Consistency;
    /** Where the first page is read; absent: as the consistency says. */
    readonly pin?: Pin;
  },
  sliceOf: SliceOf<Item>,
): Promise<Paged<Item>> {
  const { request, page, consistency } = query;
  const size = pageSizeOf(page);
  const start = parsePageToken(page, request);
  const items: Item[] = [];
  let pin: Pin | undefined = start?.pin ?? query.pin;
  let after = start?.after;
  do {
    context.signal.throwIfAborted();
    const limit = size - items.length;
    const { slice, at } = await next(pin, after, limit);
    pin = at;
    items.push(...slice.items);
    after = slice.next;
  } while (after !== undefined && items.length < size && (await breathe()));
  const token = formatToken({ tenant: context.tenant, ...pin });
  if (after === undefined) return { items, token };
  return { items, token, nextPageToken: formatPageToken({ pin, after }, request) };

  async function next(
    at: Pin | undefined,
    key: string | undefined,
    limit: number,
  ): Promise<{ readonly slice: Exclude<Slice<Item>, EngineError>; readonly at: Pin }> {
    const first = at === undefined;
    const evaluation = (snapshot: Parameters<typeof pinOf>[0] & View) => {
      const evaluated = sliceOf(snapshot, key, limit);
      if (evaluated.kind === "missing") return evaluated;
      return {
        kind: "decided" as const,
        value: { slice: evaluated.value, at: pinOf(snapshot) },
      };
    };
    const { slice, at: seen } = first
      ? await evaluator.run(context, consistency, evaluation)
      : await evaluator.runPinned(context, consistency, at, evaluation);
    if (slice.kind === "error") throw errorOf(slice);
    return { slice, at: seen };
  }
}

function breathe(): Promise<true> {
  return new Promise((resolve) => {
    setImmediate(resolve, true);
  });
}
