import type { Json } from "../core/json.ts";
import type { Now } from "../core/now.ts";
import { formatToken } from "../core/revision.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { Listing, Slice } from "../engine/listing.ts";
import type { EngineError, View } from "../engine/view.ts";
import type { Snapshot } from "../replica/replica.ts";
import { errorOf, pinOf, type Evaluator, type Pin } from "./evaluator.ts";
import type { ListingShelf } from "./listing-shelf.ts";
import { formatPageToken, pageSizeOf, parsePageToken } from "./page-token.ts";
import type { Consistency, Paged, PageRequest, RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";

export interface ListPorts {
  readonly evaluator: Evaluator;
  readonly storage: Pick<Storage, "tuples">;
}

/** A list, as it is read in pages. */
export interface ListQuery<Element, Item> {
  /** The question without its page: what a page token belongs to. */
  readonly request: Json;
  readonly page: PageRequest;
  readonly consistency: Consistency;
  readonly shelf: ListingShelf<Element>;
  /** Begins the list after a key. */
  readonly open: (after: string | undefined) => Listing<Element>;
  /** Throws where the question does not fit the model. */
  readonly check: (view: View) => void;
  /** Throws where the element fails the list. */
  readonly itemOf: (element: Element) => Item;
}

/** Tuples that are supplied to a list at once: no more than a slice takes in. */
const suppliedTuples = 1_000;

/**
 * Fills one page, slice by slice, all at the revision of the list's first slice. Between slices the
 * event loop is free for checks. What the list has found so far is kept for the next page.
 */
export async function readPage<Element, Item>(
  ports: ListPorts,
  context: RequestContext,
  query: ListQuery<Element, Item>,
): Promise<Paged<Item>> {
  const { request, page, shelf } = query;
  const { tenant } = context;
  const size = pageSizeOf(page);
  const start = parsePageToken(page, request);
  const listing = shelf.take(tenant, page.pageToken) ?? query.open(start?.after);
  using _ = shelf.enter(listing);
  const items: Item[] = [];
  let pin = start?.pin;
  for (;;) {
    const limit = size - items.length;
    const { slice, at } = await nextSlice(ports, context, { ...query, pin, listing, limit });
    pin = at;
    items.push(...slice.elements.map((element) => query.itemOf(element)));
    const token = formatToken({ tenant, ...pin });
    if (slice.next === undefined) return { items, token };
    if (items.length >= size) {
      const nextPageToken = formatPageToken({ pin, after: slice.next }, request);
      shelf.keep(tenant, nextPageToken, listing);
      return { items, token, nextPageToken };
    }
    shelf.weigh();
    await breathe();
  }
}

/** All elements, or the next `limit` of them, and where they were read. */
export async function readWhole<Element>(
  ports: ListPorts,
  context: RequestContext,
  query: {
    readonly listing: Listing<Element>;
    readonly consistency: Consistency;
    readonly pin?: Pin;
    readonly limit?: number;
  },
): Promise<{ readonly elements: readonly Element[]; readonly pin: Pin; readonly now: Now }> {
  const { limit: wanted = Infinity } = query;
  const elements: Element[] = [];
  let { pin } = query;
  let first: Now | undefined;
  for (;;) {
    const limit = Math.min(wanted - elements.length, suppliedTuples);
    const asked = { ...query, pin, limit, check: () => undefined };
    const { slice, at, now } = await nextSlice(ports, context, asked);
    pin = at;
    first ??= now;
    for (const element of slice.elements) elements.push(element);
    if (slice.next === undefined || elements.length >= wanted) {
      return { elements, pin, now: first };
    }
    await breathe();
  }
}

/** One slice, in a tick of its own. */
async function nextSlice<Element>(
  { evaluator, storage }: ListPorts,
  context: RequestContext,
  query: {
    readonly listing: Listing<Element>;
    readonly consistency: Consistency;
    readonly pin: Pin | undefined;
    readonly limit: number;
    readonly check: (view: View) => void;
  },
): Promise<Located<Slice<Element>>> {
  const { listing, consistency, pin, limit, check } = query;
  context.signal.throwIfAborted();
  const { wanted } = listing;
  if (wanted !== undefined && pin !== undefined) {
    const { filter, after } = wanted;
    const range = { filter, revision: pin.revision, limit: suppliedTuples };
    const tuples = await storage.tuples.read(
      context.tenant,
      after === undefined ? range : { ...range, after },
    );
    listing.supply(tuples, tuples.length < suppliedTuples);
  }
  const evaluation = (snapshot: Snapshot): Evaluated<Located<Slice<Element> | EngineError>> => {
    check(snapshot);
    const evaluated = listing.slice(snapshot, limit);
    if (evaluated.kind === "missing") return evaluated;
    const value = { slice: evaluated.value, at: pinOf(snapshot), now: snapshot.now };
    return { kind: "decided", value };
  };
  const { slice, ...place } =
    pin === undefined
      ? await evaluator.run(context, consistency, evaluation)
      : await evaluator.runPinned(context, consistency, pin, evaluation);
  if (slice.kind === "error") throw errorOf(slice);
  return { slice, ...place };
}

interface Located<Made> {
  readonly slice: Made;
  readonly at: Pin;
  readonly now: Now;
}

function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
