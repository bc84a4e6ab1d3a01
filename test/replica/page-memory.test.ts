import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parseName, parseObject } from "../../src/core/object.ts";
import type { LoadedPage } from "../../src/core/page.ts";
import { subjectOf } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import type { SubjectPage } from "../../src/engine/graph.ts";
import { PageClock } from "../../src/replica/page-clock.ts";
import { PageStore } from "../../src/replica/page-store.ts";
import { TuplePage } from "../../src/replica/tuple-page.ts";

const tuplesMax = 60_000;
const relation = parseName("member", "relation");

suite("memory of a PageStore", () => {
  // One tuple a page is what an organisation's graph is mostly made of, of 3 some are packed, of 100 in
  // arrays of their own.
  for (const tuplesOfPage of [1, 3, 100]) {
    test(`is what it accounts for, within a quarter, with ${tuplesOfPage} tuples a page`, () => {
      const { store, clock, measured } = filled(tuplesOfPage, false);
      assert(store.size > 0);
      assertNear(clock.bytes, measured);
    });
  }

  test("is what it accounts for where pages are searched, and make indexes for that", () => {
    const { store, clock, measured } = filled(100, false);
    const before = usedBytes();
    for (let page = 0; page < store.size; page += 1) searchPage(store, page);
    store.apply([]);
    assertNear(clock.bytes, measured + usedBytes() - before);
  });

  test("is given back by a large page that is gone, whoever read it", () => {
    const clock = new PageClock(100_000);
    const store = new PageStore(clock);
    const gone = pageOf(0, 1_000, false);
    store.install([gone]);
    const read = searchPage(store, 0);
    assert(read instanceof TuplePage && read.bytes > 8_000);
    for (let page = 1; page < 60; page += 1) store.install([pageOf(page, 1_000, false)]);
    assert.equal(store.has(gone.key), false);
    assert(read.bytes < 1_000, `${read.bytes} bytes are left`);
  });

  test("is what it accounts for where tuples expire", () => {
    const { clock, measured } = filled(3, true);
    assertNear(clock.bytes, measured);
  });

  test("is less than 100 bytes a tuple, one a page", () => {
    const { measured } = filled(1, false);
    assert(measured / tuplesMax < 100, `${measured / tuplesMax} bytes`);
  });

  test("is given back when all is dropped, and used again when pages go and come", () => {
    const { store, clock } = filled(1, false);
    const full = clock.bytes;
    const before = usedBytes();
    store.drop();
    assert.equal(clock.bytes, 0);
    assert(before - usedBytes() > full / 2);
    const small = new PageClock(full / 4);
    const recycled = new PageStore(small);
    const start = usedBytes();
    for (let turn = 0; turn < 3; turn += 1) fill(recycled, 1, false);
    assert(small.bytes <= small.limitBytes);
    assert(usedBytes() - start < full / 2, "rooms that were left are filled");
    assert(recycled.size > 0);
  });
});

function filled(tuplesOfPage: number, isExpiring: boolean) {
  const clock = new PageClock(Infinity);
  // Code that is compiled meanwhile is not the store's.
  fill(new PageStore(new PageClock(Infinity)), tuplesOfPage, isExpiring, 5_000);
  const before = usedBytes();
  const store = new PageStore(clock);
  fill(store, tuplesOfPage, isExpiring);
  return { store, clock, measured: usedBytes() - before };
}

function fill(
  store: PageStore,
  tuplesOfPage: number,
  isExpiring: boolean,
  tuples = tuplesMax * Math.ceil(tuplesOfPage / 25),
): void {
  for (let page = 0; page * tuplesOfPage < tuples; page += 1) {
    store.install([pageOf(page, tuplesOfPage, isExpiring)]);
  }
}

function pageOf(page: number, count: number, isExpiring: boolean): LoadedPage {
  const object = parseObject("group", `group-${String(page).padStart(12, "0")}`, "object");
  const tuples = Array.from({ length: count }, (_, at): RelationTuple => {
    const id = `user-${String((page * 7 + at) % 30_000).padStart(9, "0")}`;
    const subject = subjectOf(parseObject("user", id, "subject"));
    return { object, relation, subject, ...(isExpiring ? { expiresAtMs: 1e12 + at } : {}) };
  });
  return { key: { kind: "forward", object, relation }, tuples, partialRelations: [] };
}

/** As often as a page needs to make an index. */
function searchPage(store: PageStore, number: number): SubjectPage {
  const { symbols } = store;
  const [tuple] = pageOf(number, 1, false).tuples;
  assert(tuple?.subject.kind === "object");
  const group = symbols.findObject(tuple.object.type, tuple.object.id);
  const user = symbols.findObject(tuple.subject.object.type, tuple.subject.object.id);
  const name = symbols.findName(relation);
  assert(group !== -1 && user !== -1 && name !== -1);
  const page = store.forward(group, name);
  assert(page !== undefined);
  for (let time = 0; time < 100; time += 1) page.indexOf(user);
  return page;
}

function assertNear(accounted: number, measured: number): void {
  const share = accounted / measured;
  assert(share > 0.75 && share < 1.25, `accounted ${accounted}, measured ${measured}`);
}

function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  assert(typeof collect === "function");
  // What the first pass finalizes goes with the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
