import { delegationType } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { parseName, type ObjectRef } from "../core/object.ts";
import type { PageKey } from "../core/page.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { untilAborted } from "./interruption.ts";
import type { PageClock } from "./page-clock.ts";
import type { PageLoader } from "./page-loader.ts";
import type { PageStore } from "./page-store.ts";
import { Pins } from "./pins.ts";
import type { Report } from "./ports.ts";

/** Some memory stays for what is asked for meanwhile. */
const fillShare = 0.9;
const pagesAtOnce = 128;

export interface PreloadOptions {
  /** The next objects that have tuples, in canonical order; none where there are no more. */
  readonly objectsAfter: (
    tenant: string,
    after: ObjectRef | undefined,
  ) => Promise<readonly ObjectRef[]>;
  /** Told after each batch how many objects are loaded. */
  readonly onProgress: (objects: number) => void;
  readonly signal: AbortSignal;
}

export interface Preloaded {
  readonly objects: number;
  /** Objects whose tuples are beyond all bounds: who asks for them meets the limit. */
  readonly skipped: number;
  /** False where the memory was nearly full before all was loaded. */
  readonly isWhole: boolean;
}

/** What is loaded into. */
export interface PreloadHost {
  readonly tenant: string;
  readonly store: PageStore;
  readonly loader: PageLoader;
  readonly clock: PageClock;
  readonly report: Report;
}

/**
 * Loads all objects of a tenant that have tuples, and the pairs of its delegations, in batches, each as
 * an evaluation's pages are loaded: whoever asks meanwhile is answered as ever, and what is loaded
 * follows the changes. Begins anew where all pages were dropped on the way.
 */
export async function preload(host: PreloadHost, options: PreloadOptions): Promise<Preloaded> {
  for (;;) {
    const { drops } = host.store;
    const done = await loadOnce(host, options);
    if (host.store.drops === drops || !done.isWhole) return done;
  }
}

async function loadOnce(host: PreloadHost, options: PreloadOptions): Promise<Preloaded> {
  const { tenant, clock } = host;
  let objects = 0;
  let skipped = 0;
  let after: ObjectRef | undefined;
  for (;;) {
    if (clock.bytes >= clock.limitBytes * fillShare) return { objects, skipped, isWhole: false };
    const batch = await untilAborted(options.objectsAfter(tenant, after), options.signal);
    after = batch.at(-1);
    if (after === undefined) return { objects, skipped, isWhole: true };
    skipped += await loadBatch(host, batch, options.signal);
    objects += batch.length;
    options.onProgress(objects);
  }
}

/** Returns how many objects had to be left out. */
async function loadBatch(
  host: PreloadHost,
  objects: readonly ObjectRef[],
  signal: AbortSignal,
): Promise<number> {
  try {
    await load(
      host,
      objects.map((object) => ({ kind: "object", object })),
      signal,
    );
    await load(host, pairsOf(host.store, objects), signal);
    return 0;
  } catch (cause) {
    const isBeyond = cause instanceof DomainError && cause.code === "limit_exceeded";
    if (!isBeyond) throw cause;
    if (objects.length === 1) {
      host.report("loading an object ahead", cause);
      return 1;
    }
  }
  // One of them is too large: the others are loaded one by one.
  let skipped = 0;
  for (const object of objects) skipped += await loadBatch(host, [object], signal);
  return skipped;
}

async function load(
  { loader }: PreloadHost,
  keys: readonly PageKey[],
  signal: AbortSignal,
): Promise<void> {
  for (let from = 0; from < keys.length; from += pagesAtOnce) {
    const pins = new Pins();
    try {
      await untilAborted(loader.request(keys.slice(from, from + pagesAtOnce), pins), signal);
    } finally {
      pins.release();
    }
  }
}

/** The pairs that the held ones of these objects, being delegations, are between. */
function pairsOf(store: PageStore, objects: readonly ObjectRef[]): readonly PageKey[] {
  const keys: PageKey[] = [];
  for (const { type, id } of objects) {
    const delegation = type === delegationType ? store.symbols.findObject(type, id) : -1;
    if (delegation === -1) continue;
    for (const principal of objectsOf(store, delegation, "principal")) {
      for (const delegate of objectsOf(store, delegation, "delegate")) {
        keys.push({ kind: "pair", principal, delegate });
      }
    }
  }
  return keys;
}

function objectsOf(
  store: PageStore,
  delegation: SubjectSymbol,
  relation: "principal" | "delegate",
): readonly ObjectRef[] {
  const { symbols } = store;
  const page = store.forward(delegation, symbols.internName(parseName(relation, "relation")));
  const found: ObjectRef[] = [];
  for (let position = 0; page !== undefined && position < page.count; position += 1) {
    const subject = symbols.subjectOf(page.subjectAt(position));
    if (subject.kind === "object") found.push(subject.object);
  }
  return found;
}
