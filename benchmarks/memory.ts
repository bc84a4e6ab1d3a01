import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { formatObject, parseName } from "../src/core/object.ts";
import type { LoadedPage, PageKey } from "../src/core/page.ts";
import { formatSubject } from "../src/core/subject.ts";
import type { RelationTuple } from "../src/core/tuple.ts";
import { checkRelation } from "../src/engine/check.ts";
import { defaultLimits } from "../src/engine/limits.ts";
import { planModel } from "../src/engine/plan.ts";
import { parseModel } from "../src/model/parse-model.ts";
import { PageClock } from "../src/replica/page-clock.ts";
import { PageStore } from "../src/replica/page-store.ts";
import { organisationModel, organisationOf } from "./organisation.ts";

/** What a store took, of the process as a whole and by its own account. */
export interface MemoryUse {
  readonly tuples: number;
  readonly pages: number;
  /** Heap and buffers, after a collection of garbage, divided by the tuples. */
  readonly bytesPerTuple: number;
  readonly accountedBytesPerTuple: number;
  readonly seconds: number;
}

type Install = (pages: readonly LoadedPage[]) => void;

/**
 * How the graph of an organisation comes into memory.
 * - `objects`: each object with all of its tuples, as loading ahead does.
 * - `both`: and for every subject the objects that it has a relation to, as lists need them.
 * - `checks`: what checks ask for, one of each file's owner, relations without tuples included.
 */
export type Loading = "objects" | "both" | "checks";

/** Loads about so many tuples straight into a page store, the one that a replica has. */
export function measureMemory(tuples: number, loading: Loading): MemoryUse {
  const startedMs = performance.now();
  const before = usedBytes();
  const clock = new PageClock(Infinity);
  const store = new PageStore(clock);
  const installed =
    loading === "checks" ? loadByChecks(store, tuples) : loadObjects(store, tuples, loading);
  const bytes = usedBytes() - before;
  return {
    tuples: installed,
    pages: store.size,
    bytesPerTuple: round(bytes / installed),
    accountedBytesPerTuple: round(clock.bytes / installed),
    seconds: round((performance.now() - startedMs) / 1000),
  };
}

/** The figure of the summary, in a few seconds. */
export function bytesPerTuple(): number {
  return measureMemory(1_000_000, "objects").bytesPerTuple;
}

const batchPages = 256;

function loadObjects(store: PageStore, size: number, loading: Loading): number {
  const grouped = new Map<string, RelationTuple[]>();
  const reverse = new Map<string, RelationTuple[]>();
  let count = 0;
  for (const tuple of organisationOf(size).tuples()) {
    count += 1;
    push(grouped, formatObject(tuple.object), tuple);
    if (loading === "both") {
      const { object, relation, subject } = tuple;
      push(reverse, `${formatSubject(subject)} ${object.type} ${relation}`, tuple);
    }
  }
  inBatches(
    grouped,
    (pages) => store.install(pages),
    ({ object }) => ({ kind: "object", object }),
  );
  inBatches(
    reverse,
    (pages) => store.install(pages),
    ({ subject, object, relation }) => ({ kind: "reverse", subject, type: object.type, relation }),
  );
  return count;
}

function push(groups: Map<string, RelationTuple[]>, key: string, tuple: RelationTuple): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [tuple]);
  else group.push(tuple);
}

function inBatches(
  groups: ReadonlyMap<string, readonly RelationTuple[]>,
  install: Install,
  keyOf: (tuple: RelationTuple) => PageKey,
): void {
  const pages: LoadedPage[] = [];
  for (const tuples of groups.values()) {
    const [first] = tuples;
    if (first !== undefined) pages.push({ key: keyOf(first), tuples, partialRelations: [] });
    if (pages.length === batchPages) install(pages.splice(0));
  }
  install(pages);
}

function loadByChecks(store: PageStore, size: number): number {
  const stored = new Map<string, RelationTuple[]>();
  const owners: RelationTuple[] = [];
  for (const tuple of organisationOf(size).tuples()) {
    push(stored, `${formatObject(tuple.object)}#${tuple.relation}`, tuple);
    if (tuple.object.type === "file" && tuple.relation === "owner") owners.push(tuple);
  }
  const now = { earliestMs: 1_800_000_000_000, latestMs: 1_800_000_000_000 };
  const view = { graph: store, plan: planModel(parseModel(organisationModel), store.symbols), now };
  const relation = parseName("viewer", "relation");
  let installed = 0;
  for (const { object, subject } of owners) {
    for (;;) {
      const query = { object, relation, subject, context: {}, contextualTuples: [] };
      const evaluated = checkRelation(view, query, defaultLimits);
      if (evaluated.kind === "decided") break;
      const pages = evaluated.pages.map((key) => pageOf(key, stored));
      store.install(pages);
      installed += pages.reduce((sum, { tuples }) => sum + tuples.length, 0);
    }
  }
  return installed;
}

function pageOf(key: PageKey, stored: ReadonlyMap<string, readonly RelationTuple[]>): LoadedPage {
  if (key.kind !== "forward")
    throw new Error(`a check of one relation asked for a ${key.kind} page`);
  const tuples = stored.get(`${formatObject(key.object)}#${key.relation}`) ?? [];
  return { key, tuples, partialRelations: [] };
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("the runtime collects no garbage when asked");
  // What the first pass finalizes goes with the second.
  collect();
  collect();
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
