import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { LoadedPage, PageKey } from "../../src/core/page.ts";
import { parseName, parseObjectText } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { formatTuple, parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { PageClock } from "../../src/replica/page-clock.ts";
import { PageStore } from "../../src/replica/page-store.ts";
import { Pins } from "../../src/replica/pins.ts";
import { rollForward } from "../../src/replica/roll-forward.ts";
import { History } from "../support/simulation/history.ts";
import { assertHeldAs, forwardPage } from "./held.ts";

const tuplesMax = 3;

// Tiny and dense: every key below is met by some of these.
const candidates: readonly RelationTuple[] = [
  ...["user:a", "user:b", "user:c", "user:🦊", "user:*", "group:g#member", "group:h#member"].map(
    (subject) => tuple(`document:x#viewer@${subject}`),
  ),
  ...["user:a", "user:b", "user:c", "user:d", "user:e"].map((subject) =>
    tuple(`group:g#member@${subject}`),
  ),
  tuple("document:x#parent@folder:f"),
  tuple("document:y#viewer@user:a"),
  tuple("document:y#viewer@group:g#member"),
  ...["d1", "d2", "d3"].flatMap((id) => [
    tuple(`delegation:${id}#principal@user:a`),
    tuple(`delegation:${id}#principal@user:b`),
    tuple(`delegation:${id}#delegate@agent:m`),
    tuple(`delegation:${id}#delegate@agent:n`),
    tuple(`delegation:${id}#tool@tool:t`),
  ]),
];

const keys: readonly PageKey[] = [
  ...["document:x", "document:y", "delegation:d1", "delegation:d2", "group:g"].map(
    (text): PageKey => ({ kind: "object", object: object(text) }),
  ),
  forward("document:x", "viewer"),
  forward("document:x", "parent"),
  forward("document:y", "viewer"),
  forward("group:g", "member"),
  forward("delegation:d1", "delegate"),
  forward("delegation:d3", "principal"),
  point("document:x", "viewer", "user:a"),
  point("document:x", "viewer", "user:*"),
  point("group:g", "member", "user:e"),
  reverse("user:a", "document", "viewer"),
  reverse("group:g#member", "document", "viewer"),
  reverse("tool:t", "delegation", "tool"),
  pair("user:a", "agent:m"),
  pair("user:a", "agent:n"),
  pair("user:b", "agent:m"),
];

interface Write {
  readonly deletes: readonly RelationTuple[];
  readonly creates: readonly RelationTuple[];
}

type Step =
  | { readonly kind: "write"; readonly write: Write }
  | { readonly kind: "load"; readonly keys: readonly PageKey[] }
  | { readonly kind: "late"; readonly keys: readonly PageKey[]; readonly age: number }
  | {
      readonly kind: "parts";
      readonly keys: readonly PageKey[];
      readonly writes: readonly Write[];
      readonly isDropped: boolean;
    }
  | { readonly kind: "drop" };

const facts = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.constant({ expiresAtMs: 5000 }) },
  {
    weight: 1,
    arbitrary: fc.constant({ condition: { name: parseName("c", "name"), context: { n: 1 } } }),
  },
);
const candidate = fc
  .tuple(fc.constantFrom(...candidates), facts)
  .map(([key, said]): RelationTuple => ({ ...key, ...said }));
const someKeys = fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 6 });
const write: fc.Arbitrary<Write> = fc.record({
  deletes: fc.array(fc.constantFrom(...candidates), { maxLength: 3 }),
  creates: fc.array(candidate, { maxLength: 4 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      write,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("load" as const), keys: someKeys }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("late" as const),
      keys: someKeys,
      age: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("parts" as const),
      keys: someKeys,
      writes: fc.array(write, { maxLength: 3 }),
      isDropped: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "drop" as const }) },
);

suite("PageStore", () => {
  test("pages that changes were applied to are the pages of a load at the later revision", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        run(steps, new PageClock(1_000_000));
      }),
      { numRuns: 1500 },
    );
  });

  test("eviction changes no answer, and leaves the budget kept and no symbol behind", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const clock = new PageClock(900);
        const store = run(steps, clock);
        clock.shrink();
        assert(clock.bytes <= clock.limitBytes);
        store.drop();
        assert.deepEqual(
          { bytes: clock.bytes, pages: store.size, symbols: store.symbols.count },
          { bytes: 0, pages: 0, symbols: 0 },
        );
      }),
      { numRuns: 700 },
    );
  });

  test("a page that is not held is unknown, one without tuples is empty", () => {
    const { store, load } = world();
    assert.equal(forwardPage(store, forward("document:x", "viewer")), undefined);
    load([forward("document:x", "viewer")]);
    assert.equal(forwardPage(store, forward("document:x", "viewer"))?.count, 0);
    assert.equal(forwardPage(store, forward("document:x", "parent")), undefined);
  });

  test("a whole object knows the relations that it has no tuples of", () => {
    const { store, load } = world();
    load([{ kind: "object", object: object("document:x") }]);
    assert.equal(forwardPage(store, forward("document:x", "parent"))?.count, 0);
  });

  test("asking for a subject that no page has makes no symbol", () => {
    const { store, load } = world();
    load([forward("document:x", "viewer")]);
    const before = store.symbols.count;
    assert.equal(store.symbols.findObject("user", "nobody"), -1);
    assert.equal(store.symbols.findObject("nothing", "x"), -1);
    assert.equal(store.symbols.count, before);
  });

  test("a page that grows over the limit keeps its usersets, wildcards and conditions", () => {
    const { store, history, load } = world();
    load([forward("group:g", "member")]);
    const members = ["a", "b", "c", "d"].map((id) => tuple(`group:g#member@user:${id}`));
    store.apply([history.commit([], [...members, tuple("group:g#member@group:h#member")])]);
    const page = forwardPage(store, forward("group:g", "member"));
    assert.equal(page?.complete, false);
    assert.equal(page?.count, 1);
    assert.deepEqual(page?.usersets, [0]);
  });

  test("a new delegation enters the held page of its pair, when one revision tells both halves", () => {
    const { store, history, load } = world();
    const key = pair("user:a", "agent:m");
    load([key]);
    store.apply([
      history.commit(
        [],
        [tuple("delegation:d1#principal@user:a"), tuple("delegation:d1#delegate@agent:m")],
      ),
    ]);
    assert(store.has(key));
    assertHeldAs(store, history.page(key, history.head));
    store.apply([history.commit([tuple("delegation:d1#delegate@agent:m")], [])]);
    assert(store.has(key));
    assertHeldAs(store, history.page(key, history.head));
  });

  test("a pair page goes where the other half of a new tuple is not known", () => {
    const { store, history, load } = world();
    const key = pair("user:a", "agent:m");
    load([key]);
    store.apply([history.commit([], [tuple("delegation:d1#principal@user:a")])]);
    assert(!store.has(key));
  });

  test("pinned pages survive the need of room, and go when they are unpinned", () => {
    const clock = new PageClock(150);
    const { store, load } = world(clock);
    const key = forward("document:x", "viewer");
    load([key]);
    const pins = new Pins();
    store.pin([key], pins);
    for (const id of ["p", "q", "r", "s"]) load([forward(`document:${id}`, "viewer")]);
    assert(store.has(key));
    pins.release();
    for (const id of ["t", "u", "v", "w"]) load([forward(`document:${id}`, "viewer")]);
    assert(!store.has(key));
  });

  test("a page that is read between needs of room outlives those that are not", () => {
    const { store, load } = world(new PageClock(320));
    const key = forward("document:hot", "viewer");
    load([key]);
    for (let index = 0; index < 50; index += 1) {
      load([forward(`document:cold${index}`, "viewer")]);
      assert(forwardPage(store, key) !== undefined);
    }
  });

  test("a large page finds each of its subjects, before and after edits", () => {
    const history = new History();
    const store = new PageStore(new PageClock(10_000_000));
    const members = Array.from({ length: 2000 }, (_, index) =>
      tuple(`group:g#member@user:${index}`),
    );
    history.commit([], members);
    const key = forward("group:g", "member");
    store.install([history.page(key, history.head)]);
    assertHeldAs(store, history.page(key, history.head));
    for (const index of [0, 7, 1999]) {
      const member = members[index];
      assert(member !== undefined);
      store.apply([history.commit([member], [tuple(`group:g#member@user:new${index}`)])]);
      assertHeldAs(store, history.page(key, history.head));
    }
    assert.equal(
      forwardPage(store, key)?.indexOf(store.symbols.retainObject(object("user:no"))),
      -1,
    );
  });
});

function run(steps: readonly Step[], clock: PageClock): PageStore {
  const history = new History(tuplesMax);
  const store = new PageStore(clock, tuplesMax);
  for (const current of steps) {
    switch (current.kind) {
      case "write":
        store.apply([history.commit(current.write.deletes, lawful(current.write, history))]);
        break;
      case "load":
        store.install(current.keys.map((key) => history.page(key, history.head)));
        break;
      case "late": {
        const read = Math.max(0, history.head - current.age);
        const changes = history.changes(read, history.head);
        const pages = current.keys.map((key) => rollForward(history.page(key, read), changes));
        store.install(pages.filter((page) => page !== undefined));
        break;
      }
      case "parts":
        loadInParts(store, history, current);
        break;
      case "drop":
        store.drop();
        break;
    }
    for (const key of keys) assertHeldAs(store, history.page(key, history.head));
  }
  return store;
}

/** One tuple a part, with writes between the parts, and perhaps a fall of all pages. */
function loadInParts(
  store: PageStore,
  history: History,
  { keys: wanted, writes, isDropped }: Extract<Step, { readonly kind: "parts" }>,
): void {
  const read = history.head;
  const loaded = wanted.map((key) => history.page(key, read));
  const stage = store.stage();
  const left = [...writes];
  const rests = loaded.map((page): LoadedPage => {
    const isLarge = page.key.kind !== "pair" && page.key.kind !== "point" && page.tuples.length > 1;
    if (!isLarge) return page;
    for (const tuple of page.tuples.slice(0, -1)) {
      stage.add(page.key, [tuple]);
      const next = left.pop();
      if (next === undefined) continue;
      store.apply([history.commit(next.deletes, lawful(next, history))]);
    }
    return { ...page, tuples: page.tuples.slice(-1) };
  });
  if (isDropped) store.drop();
  stage.install(rests, history.changes(read, history.head));
  stage.close();
}

/** Leaves out what the store refuses: a second principal or delegate of a delegation. */
function lawful(write: Write, history: History): readonly RelationTuple[] {
  const gone = new Set(write.deletes.map(formatTuple));
  const standing = [...history.stateAt(history.head).values()].filter(
    (other) => !gone.has(formatTuple(other)),
  );
  const accepted: RelationTuple[] = [];
  for (const created of write.creates) {
    const second = [...standing, ...accepted].some(
      (other) =>
        (created.relation === "principal" || created.relation === "delegate") &&
        other.relation === created.relation &&
        other.object.id === created.object.id &&
        formatTuple(other) !== formatTuple(created),
    );
    if (!second) accepted.push(created);
  }
  return accepted;
}

function world(clock: PageClock = new PageClock(1_000_000)): {
  store: PageStore;
  history: History;
  load: (keys: readonly PageKey[]) => void;
} {
  const history = new History(tuplesMax);
  const store = new PageStore(clock, tuplesMax);
  return {
    store,
    history,
    load: (wanted) => store.install(wanted.map((key) => history.page(key, history.head))),
  };
}

function tuple(text: string): RelationTuple {
  return parseTupleText(text, "tuple");
}

function object(text: string): RelationTuple["object"] {
  return parseObjectText(text, "object");
}

function forward(text: string, relation: string): Extract<PageKey, { kind: "forward" }> {
  return { kind: "forward", object: object(text), relation: parseName(relation, "relation") };
}

function point(text: string, relation: string, subject: string): PageKey {
  return {
    kind: "point",
    object: object(text),
    relation: parseName(relation, "relation"),
    subject: parseSubjectText(subject, "subject"),
  };
}

function reverse(subject: string, type: string, relation: string): PageKey {
  return {
    kind: "reverse",
    subject: parseSubjectText(subject, "subject"),
    type: parseName(type, "type"),
    relation: parseName(relation, "relation"),
  };
}

function pair(principal: string, delegate: string): PageKey {
  return { kind: "pair", principal: object(principal), delegate: object(delegate) };
}
