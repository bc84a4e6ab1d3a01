import assert from "node:assert/strict";
import type { LoadedPage, PageKey } from "../../src/core/page.ts";
import { formatObject } from "../../src/core/object.ts";
import { formatSubject, type Subject } from "../../src/core/subject.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import type { SubjectPage, TupleFacts } from "../../src/engine/graph.ts";
import type { PageStore } from "../../src/replica/page-store.ts";

/** Asserts that what the store says of the page, if it holds it, is what a load would say. */
export function assertHeldAs(store: PageStore, loaded: LoadedPage): void {
  if (!store.has(loaded.key)) return;
  const { key } = loaded;
  switch (key.kind) {
    case "forward":
      assertForward(store, loaded, key.object, key.relation);
      return;
    case "object":
      for (const relation of new Set(loaded.tuples.map((tuple) => tuple.relation))) {
        const tuples = loaded.tuples.filter((tuple) => tuple.relation === relation);
        assertForward(store, { ...loaded, tuples }, key.object, relation);
      }
      return;
    case "point": {
      const facts = store.point(
        known(store.symbols.findObject(key.object.type, key.object.id)),
        store.symbols.internName(key.relation),
        known(store.symbols.findSubject(key.subject)),
      );
      const [tuple] = loaded.tuples;
      assert.deepEqual(facts, tuple === undefined ? "absent" : factsOf(tuple));
      return;
    }
    case "reverse": {
      const page = store.reverse(
        known(store.symbols.findSubject(key.subject)),
        store.symbols.internName(key.type),
        store.symbols.internName(key.relation),
      );
      assert(page !== undefined, "a held page is found");
      const said = Array.from({ length: page.count }, (_, position) => ({
        object: formatSubject(store.symbols.subjectOf(page.objectAt(position))),
        condition: page.conditionAt(position),
        expiresAtMs: page.expiresAtMsAt(position),
      }));
      assert.deepEqual(
        said,
        loaded.tuples.map((tuple) => ({ object: formatObject(tuple.object), ...factsOf(tuple) })),
      );
      return;
    }
    case "pair":
      assert.deepEqual(
        store
          .delegations(
            known(store.symbols.findObject(key.principal.type, key.principal.id)),
            known(store.symbols.findObject(key.delegate.type, key.delegate.id)),
          )
          ?.map((symbol) => formatSubject(store.symbols.subjectOf(symbol))),
        loaded.tuples.map((tuple) => formatObject(tuple.object)),
      );
      return;
  }
}

/** The page of a key that is asked for as forward page, read by the graph's own names. */
export function forwardPage(
  store: PageStore,
  key: Extract<PageKey, { kind: "forward" }>,
): SubjectPage | undefined {
  const object = store.symbols.findObject(key.object.type, key.object.id);
  if (object === -1) return undefined;
  return store.forward(object, store.symbols.internName(key.relation));
}

function assertForward(
  store: PageStore,
  loaded: LoadedPage,
  object: RelationTuple["object"],
  relation: RelationTuple["relation"],
): void {
  const page = forwardPage(store, { kind: "forward", object, relation });
  assert(page !== undefined, "a held page is found");
  const isPartial = loaded.partialRelations.includes(relation);
  if (isPartial) assert.equal(page.complete, false, "a page that a load has in part is partial");
  // A page that grew and shrank again stays partial: compare what both list.
  const tuples = loaded.tuples.filter(
    (tuple) => page.complete || tuple.subject.kind !== "object" || tuple.condition !== undefined,
  );
  const expected = tuples.map((tuple) => ({
    subject: formatSubject(tuple.subject),
    ...factsOf(tuple),
  }));
  const positions = Array.from({ length: page.count }, (_, position) => position);
  const said = positions.map((position) => ({
    subject: formatSubject(store.symbols.subjectOf(page.subjectAt(position))),
    condition: page.conditionAt(position),
    expiresAtMs: page.expiresAtMsAt(position),
  }));
  assert.deepEqual(said, expected);
  for (const position of positions) {
    assert.equal(page.indexOf(page.subjectAt(position)), position);
  }
  assert.deepEqual(
    page.usersets,
    positions.filter((position) => isUserset(tuples[position]?.subject)),
  );
}

function isUserset(subject: Subject | undefined): boolean {
  return subject?.kind === "userset";
}

function factsOf(tuple: RelationTuple): TupleFacts {
  return { condition: tuple.condition, expiresAtMs: tuple.expiresAtMs ?? Infinity };
}

function known<Value extends number>(symbol: Value): Exclude<Value, -1> {
  assert.notEqual(symbol, -1, "a held page's key has symbols");
  // oxlint-disable-next-line no-unsafe-type-assertion -- asserted in the line above
  return symbol as Exclude<Value, -1>;
}
