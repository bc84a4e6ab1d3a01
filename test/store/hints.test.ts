import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { RevisionChange } from "../../src/core/change.ts";
import { parseName } from "../../src/core/object.ts";
import { parseRevision, parseTimeline } from "../../src/core/revision.ts";
import { pollChanges } from "../../src/store/changes.ts";
import { openHintSeal, type HintSeal } from "../../src/store/hint-seal.ts";
import {
  listenForHints,
  notifyCommitted,
  notifyHead,
  type HeadHint,
  type HintEvents,
} from "../../src/store/hints.ts";
import type { MutationResult, TupleStep } from "../../src/store/mutation.ts";
import { sessionOf } from "../../src/store/database.ts";
import { createWriter } from "../../src/store/writer.ts";
import {
  create,
  mutation,
  openTestStore,
  remove,
  touch,
  tuple,
  type TestStore,
} from "../support/store.ts";

interface Heard {
  readonly hint: HeadHint;
  readonly changes: readonly RevisionChange[];
}

const ignore = (): void => {};

suite("hints", () => {
  let store: TestStore;
  let own: HintSeal;
  let other: HintSeal;
  before(async () => {
    store = await openTestStore();
    own = await openHintSeal(store.database);
    other = await openHintSeal(store.database);
  });
  after(() => store[Symbol.asyncDispose]());

  const hint: HeadHint = {
    tenant: "acme",
    timeline: parseTimeline("00000001"),
    revision: parseRevision(7),
    from: "0123456789abcdef",
  };

  test("are heard by whoever listens, also after the connection was lost", async () => {
    let heard = Promise.withResolvers<HeadHint>();
    const gap = Promise.withResolvers<void>();
    await using _listener = await listen({
      onHead: (each) => heard.resolve(each),
      onGap: () => gap.resolve(),
    });
    // What it wrote itself it knows; what is no hint at all is passed over.
    await notifyHead(store.database, { ...hint, from: own.name });
    await tell("acme 1");
    await notifyHead(store.database, hint);
    assert.deepEqual(await heard.promise, hint);
    heard = Promise.withResolvers();
    await store.database.query(
      "hints",
      {
        name: "test_terminate",
        text: "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %' and datname = current_database()",
      },
      [],
    );
    await gap.promise;
    await notifyHead(store.database, { ...hint, tenant: "other" });
    assert.deepEqual(await heard.promise, { ...hint, tenant: "other" });
  });

  test("of a write bring what a poll would", async () => {
    const steps: readonly TupleStep[] = [
      create("document:x#viewer@user:alice"),
      create("document:x#viewer@group:eng#member", Date.now() + 60_000),
      {
        kind: "create",
        tuple: {
          ...tuple("document:x#viewer@user:*"),
          condition: {
            name: parseName("within", "condition"),
            context: { allowed: ["ü", 1.5, null] },
          },
        },
      },
    ];
    for (const each of [steps, [touch("document:x#viewer@user:alice")], []]) {
      const [{ hint: told, changes }, { revision }] = await heardOf(...each);
      const polled = await pollChanges(store.database, "acme", parseRevision(revision - 1));
      assert.deepEqual(told, { ...hint, revision, from: other.name });
      assert.deepEqual(changes, polled.changes);
    }
    const [{ changes }] = await heardOf(remove("document:x#viewer@user:alice"));
    assert.equal(changes[0]?.deleted.length, 1);
  });

  test("of a write that is too long for a hint bring its position alone", async () => {
    const long = "a".repeat(500);
    const steps = Array.from({ length: 12 }, (_, index) =>
      create(`document:${long}${index}#viewer@user:alice`),
    );
    const [{ hint: told, changes }, { revision }] = await heardOf(...steps);
    assert.deepEqual([told.revision, changes], [revision, []]);
    const many = Array.from({ length: 300 }, (_, index) =>
      create(`document:n${index}#viewer@user:a`),
    );
    assert.deepEqual((await heardOf(...many))[0].changes, []);
  });

  test("with changes are not told of what cannot be seen, or of another timeline", async () => {
    const [{ changes }, { revision, digest = "", timeline }] = await heardOf();
    const heard: HeadHint[] = [];
    const last = Promise.withResolvers<void>();
    await using _listener = await listen({
      onHead: (each) => {
        heard.push(each);
        if (each.from === hint.from) last.resolve();
      },
    });
    await store.database.lend("writes", async (client) => {
      const session = sessionOf(client);
      const head = { tenant: "acme", timeline, revision, digest };
      const ahead = parseRevision(revision + 1);
      await notifyCommitted(session, other, { ...head, revision: ahead }, changes);
      await notifyCommitted(session, other, { ...head, digest: "ab".repeat(32) }, changes);
      const elsewhere = parseTimeline("00000002");
      await notifyCommitted(session, other, { ...head, timeline: elsewhere }, changes);
      await notifyCommitted(session, other, head, changes);
    });
    await notifyHead(store.database, hint);
    await last.promise;
    assert.deepEqual(
      heard.map(({ from, revision: at }) => [from, at]),
      [
        [other.name, revision],
        [hint.from, hint.revision],
      ],
    );
  });

  test("bring no changes and no acknowledgement that was sealed by nobody", async () => {
    const heard: (readonly RevisionChange[])[] = [];
    const acknowledged: object[] = [];
    const last = Promise.withResolvers<void>();
    await using _listener = await listen({
      onHead: ({ from }, changes) => {
        heard.push(changes);
        if (from === hint.from) last.resolve();
      },
      onAcknowledgement: (each) => void acknowledged.push(each),
    });
    const heading = `acme 00000001 9 ${other.name}`;
    await tell(`${heading} ${other.seal("another heading", "[]")}`);
    await tell(`${heading} AAAA`);
    const leaseId = "00000000-0000-0000-0000-000000000000";
    const channel = `prokura_acknowledged_${own.name}`;
    await tell(`${heading} ${leaseId} ${other.seal(heading, "")}`, channel);
    await tell(`${heading} ${leaseId}`, channel);
    await notifyHead(store.database, hint);
    await last.promise;
    assert.deepEqual([heard, acknowledged], [[[], [], []], []]);
  });

  test("in words of another version bring their position alone, and end nothing", async () => {
    const heard: Heard[] = [];
    const last = Promise.withResolvers<void>();
    await using _listener = await listen({
      onHead: (each, changes) => {
        heard.push({ hint: each, changes });
        if (each.from === hint.from) last.resolve();
      },
    });
    const heading = `acme 00000001 9 ${other.name}`;
    const contents = ["what is that", "{}", "[{}]", `[{"revision":-1,"deleted":[],"created":[]}]`];
    for (const content of contents) await tell(`${heading} ${other.seal(heading, content)}`);
    await notifyHead(store.database, hint);
    await last.promise;
    assert.deepEqual(
      heard.map(({ hint: { from }, changes }) => [from, changes]),
      [...contents.map(() => [other.name, []]), [hint.from, []]],
    );
  });

  async function listen(events: Partial<HintEvents>): Promise<AsyncDisposable> {
    const all = { onHead: ignore, onAcknowledgement: ignore, onGap: ignore, ...events };
    const listener = await listenForHints(store.connectionString, own, all);
    return { [Symbol.asyncDispose]: () => listener.close() };
  }

  async function tell(payload: string, channel: string = "prokura_head"): Promise<void> {
    const statement = { name: "test_tell", text: "select pg_notify($1, $2)" };
    await store.database.query("hints", statement, [channel, payload]);
  }

  /** What another node is told of a write that a third one made. */
  async function heardOf(...steps: readonly TupleStep[]): Promise<[Heard, MutationResult]> {
    const heard = Promise.withResolvers<Heard>();
    await using _listener = await listen({
      onHead: (each, changes) => heard.resolve({ hint: each, changes }),
    });
    const result = await createWriter(store.database, other).write(mutation({ steps }));
    return [await heard.promise, result];
  }
});
