import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { status, type ClientReadableStream } from "@grpc/grpc-js";
import { Database } from "../../src/store/database.ts";
import { truncateHistory } from "../../src/store/retention.ts";
import { createTestDatabase } from "../support/database.ts";
import { askGrpc, type Ask } from "./asking.ts";
import { loadProtoFiles, PlainClient, type Plain } from "./plain-grpc.ts";
import { startProcess, type ServerProcess } from "./server-process.ts";

const stockModel = readFileSync(new URL("../../schema/models/stock.fga", import.meta.url), "utf8");
const definition = loadProtoFiles();

/** The events of a stream, one by one. */
class Events {
  readonly #stream: ClientReadableStream<Plain>;
  readonly #iterator: AsyncIterator<Plain>;

  constructor(stream: ClientReadableStream<Plain>) {
    this.#stream = stream;
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** `undefined` at the end. */
  async next(): Promise<Plain | undefined> {
    const { value, done } = await this.#iterator.next();
    return done === true ? undefined : value;
  }

  /** The next that is no heartbeat, as its tuples and token. */
  async change(): Promise<{ readonly tuples: readonly string[]; readonly token: string }> {
    for (;;) {
      const event = await this.next();
      assert(event !== undefined, "the stream ended");
      const { changes } = event;
      if (changes !== undefined) return changeOf(changes);
    }
  }

  cancel(): void {
    this.#stream.on("error", () => {}); // That it was cancelled.
    this.#stream.cancel();
  }
}

suite("Watch", () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let server: ServerProcess;
  let other: ServerProcess;
  let ask: Ask;
  const open: (() => void)[] = [];
  before(async () => {
    database = await createTestDatabase();
    const environment = { DATABASE_URL: database.connectionString };
    server = await startProcess([], environment);
    other = await startProcess([], environment);
    ask = askGrpc(definition, server.grpcAddress);
  });
  after(async () => {
    for (const close of open) close();
    await Promise.all([server.stop("SIGTERM"), other.stop("SIGTERM")]);
    await database.drop();
  });

  async function prepare(tenant: string): Promise<void> {
    await ask("AdminService", "CreateTenant", { tenant });
    await ask("ModelService", "WriteModel", { tenant, text: stockModel });
  }

  async function write(tenant: string, ...texts: readonly string[]): Promise<string> {
    const operations = texts.map((text) => ({ touch: tupleOf(text) }));
    const { result } = await ask("TupleService", "WriteTuples", { tenant, operations });
    return String(Reflect.get(Object(result), "token"));
  }

  async function delegate(tenant: string, user: string, changes: Plain = {}): Promise<string> {
    const { delegations } = await ask("DelegationService", "Delegate", {
      tenant,
      principal: objectOf(`user:${user}`),
      delegate: objectOf("agent:bot"),
      pairs: [
        {
          tools: [{ subject: { object: objectOf("tool:send") } }],
          resources: [{ subject: { object: objectOf(`mailbox:${user}`) } }],
        },
      ],
      expiry: { forever: true },
      ...changes,
    });
    const [first]: unknown[] = Array.isArray(delegations) ? delegations : [];
    return String(Reflect.get(Object(first), "id"));
  }

  /** Resolves when the watch stands: what is written from then on comes. */
  async function watch(request: Plain, on: ServerProcess = server): Promise<Events> {
    const client = new PlainClient(definition, "prokura.v1.TupleService", on.grpcAddress);
    const events = new Events(client.serverStream("Watch", request));
    open.push(() => {
      events.cancel();
      client[Symbol.dispose]();
    });
    const first = await events.next();
    assert(first?.["heartbeat"] !== undefined, "the first event is a heartbeat");
    return events;
  }

  test("tells of the objects of a type alone", async () => {
    await prepare("types");
    const events = await watch({ tenant: "types", object_types: ["folder"] });
    await write("types", "file:a#owner@user:bob");
    await write("types", "file:b#owner@user:bob", "folder:b#owner@user:bob");
    assert.deepEqual((await events.change()).tuples, ["CREATED folder:b#owner@user:bob"]);
  });

  test("tells of the objects that are named alone", async () => {
    await prepare("objects");
    const events = await watch({ tenant: "objects", objects: [objectOf("folder:mine")] });
    await write("objects", "folder:other#owner@user:bob");
    await write("objects", "folder:mine#owner@user:bob");
    await write("objects", "folder:mine#owner@user:bob");
    assert.deepEqual((await events.change()).tuples, ["CREATED folder:mine#owner@user:bob"]);
    assert.deepEqual((await events.change()).tuples, [
      "DELETED folder:mine#owner@user:bob",
      "CREATED folder:mine#owner@user:bob",
    ]);
  });

  test("tells of the delegations of a principal alone, that they come, are suspended and go", async () => {
    await prepare("principals");
    const events = await watch({ tenant: "principals", principal: objectOf("user:alice") });
    await delegate("principals", "bob");
    const id = await delegate("principals", "alice");
    const made = await events.change();
    assert.ok(made.tuples.includes(`CREATED delegation:${id}#principal@user:alice`));
    assert.ok(made.tuples.every((text) => text.startsWith(`CREATED delegation:${id}#`)));
    await write("principals", `delegation:${id}#suspended@suspension:s1`);
    assert.deepEqual((await events.change()).tuples, [
      `CREATED delegation:${id}#suspended@suspension:s1`,
    ]);
    const selector = { delegation_id: id };
    await ask("DelegationService", "Revoke", { tenant: "principals", selector });
    const gone = await events.change();
    assert.ok(gone.tuples.includes(`DELETED delegation:${id}#tool@tool:send`));
  });

  test("tells of the delegation that is named alone", async () => {
    await prepare("delegations");
    const first = await delegate("delegations", "alice");
    const second = await delegate("delegations", "alice");
    const events = await watch({ tenant: "delegations", delegation_id: second });
    for (const id of [first, second]) {
      const selector = { delegation_id: id };
      await ask("DelegationService", "Revoke", { tenant: "delegations", selector });
    }
    const gone = await events.change();
    assert.ok(gone.tuples.every((text) => text.startsWith(`DELETED delegation:${second}#`)));
  });

  test("tells of another model whatever was asked for", async () => {
    await prepare("models");
    const events = await watch({ tenant: "models", objects: [objectOf("folder:none")] });
    const { model_id: modelId } = await ask("ModelService", "WriteModel", {
      tenant: "models",
      text: `${stockModel}\n# another\n`,
    });
    const event = await events.next();
    const changes = Object(event?.["changes"]);
    assert.equal(Reflect.get(changes, "operation"), "write_model");
    assert.equal(typeof modelId, "string");
    assert.equal(Reflect.get(changes, "model_id"), modelId);
  });

  test("goes on from a token with the very next change, on another node too", async () => {
    await prepare("resumed");
    const events = await watch({ tenant: "resumed" });
    const all = Array.from({ length: 20 }, (_, index) => `folder:f${index}#owner@user:bob`);
    for (const text of all) await write("resumed", text);
    let token = "";
    const seen: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const change = await events.change();
      seen.push(...change.tuples);
      ({ token } = change);
    }
    events.cancel();
    const resumed = await watch({ tenant: "resumed", token }, other);
    while (seen.length < all.length) seen.push(...(await resumed.change()).tuples);
    assert.deepEqual(
      seen,
      all.map((text) => `CREATED ${text}`),
    );
  });

  test("gives a sign of life with a young token, though all that happens is none of its business", async () => {
    await prepare("lively");
    const events = await watch({ tenant: "lively", object_types: ["folder"] });
    let latest = "";
    const ending = new AbortController();
    const writing = (async () => {
      for (let turn = 0; !ending.signal.aborted; turn += 1) {
        latest = await write("lively", `file:f${turn}#owner@user:bob`);
      }
    })();
    const event = await events.next();
    const token = String(Reflect.get(Object(event?.["heartbeat"]), "token"));
    ending.abort();
    await writing;
    assert.notEqual(token, "undefined");
    assert.ok(revisionOf(token) > 2 && revisionOf(token) <= revisionOf(latest));
  });

  test("tells every node's watchers of a revocation", async (t) => {
    await prepare("revoked");
    const ids = [await delegate("revoked", "alice"), await delegate("revoked", "alice")];
    const watches = [await watch({ tenant: "revoked" }), await watch({ tenant: "revoked" }, other)];
    for (const id of ids) {
      const startedMs = performance.now();
      const selector = { delegation_id: id };
      const revoking = ask("DelegationService", "Revoke", { tenant: "revoked", selector }).then(
        (answer) => ({ answer, ms: performance.now() - startedMs }),
      );
      const told = await Promise.all(
        watches.map(async (events) => {
          const change = await events.change();
          return { ...change, ms: performance.now() - startedMs };
        }),
      );
      const { answer, ms } = await revoking;
      const { token } = Object(answer["result"]);
      for (const each of told) {
        assert.equal(each.token, token);
        assert.ok(each.tuples.includes(`DELETED delegation:${id}#delegate@agent:bot`));
      }
      const watched = told.map((each) => each.ms.toFixed(1)).join(" and ");
      t.diagnostic(`Revoke returned after ${ms.toFixed(1)} ms, the watchers knew after ${watched}`);
    }
  });

  test("loses nothing for a reader that is slow", async () => {
    await prepare("slow");
    const events = await watch({ tenant: "slow" });
    const written = await writeMuch("slow", 12);
    const seen: string[] = [];
    while (seen.length < written.length) seen.push(...(await events.change()).tuples);
    assert.deepEqual(
      seen,
      written.map((text) => `CREATED ${text}`),
    );
  });

  test("says where to go on to a reader that is slower than the history is kept, and ends", async () => {
    await prepare("overrun");
    const events = await watch({ tenant: "overrun" });
    // More than a connection and one read hold.
    const written = await writeMuch("overrun", 30);
    const store = new Database({ connectionString: database.connectionString, log: () => {} });
    await truncateHistory(store, "overrun", Date.now() + 60_000);
    await store.close();
    const seen: string[] = [];
    let token: string | undefined;
    while (token === undefined) {
      const event = await events.next();
      assert(event !== undefined, "the stream ended and said nothing");
      const { changes, resync_required: resync } = event;
      if (changes !== undefined) seen.push(...changeOf(changes).tuples);
      if (resync !== undefined) token = String(Reflect.get(Object(resync), "token"));
    }
    assert.ok(seen.length < written.length);
    // What came before is whole and in order.
    const expected = written.slice(0, seen.length).map((text) => `CREATED ${text}`);
    assert.deepEqual(seen, expected);
    assert.equal(await events.next(), undefined);
    const again = await watch({ tenant: "overrun", token });
    await write("overrun", "folder:after#owner@user:bob");
    assert.deepEqual((await again.change()).tuples, ["CREATED folder:after#owner@user:bob"]);
  });

  test("begins with where to go on where the token is older than the history", async () => {
    await prepare("old");
    const token = await write("old", "folder:a#owner@user:bob");
    await write("old", "folder:b#owner@user:bob");
    const store = new Database({ connectionString: database.connectionString, log: () => {} });
    await truncateHistory(store, "old", Date.now() + 60_000);
    await store.close();
    const events = await watch({ tenant: "old", token });
    assert.ok((await events.next())?.["resync_required"] !== undefined);
    assert.equal(await events.next(), undefined);
  });

  test("of tools reaches an agent at the end of a chain that the gateway does not see", async () => {
    const tenant = "chains";
    await prepare(tenant);
    await write(
      tenant,
      "tool:send#requires@permission:mailbox/sender",
      "mailbox:alice#owner@user:alice",
    );
    await write(tenant, "tool:send#eligible@agent:bot", "tool:send#eligible@agent:helper");
    using client = new PlainClient(
      definition,
      "prokura.v1.AuthorizationService",
      server.grpcAddress,
    );
    const request = {
      tenant,
      principal: objectOf("user:alice"),
      actors: [objectOf("agent:helper")],
      partial_chain: true,
    };
    const events = new Events(client.serverStream("WatchTools", request));
    const first = await events.next();
    const parent = await delegate(tenant, "alice", {
      delegable_to: [{ object: objectOf("agent:helper") }],
    });
    await delegate(tenant, "alice", {
      parent_id: parent,
      delegate: objectOf("agent:helper"),
    });
    const second = await events.next();
    assert.ok(first !== undefined && second !== undefined);
    assert.notEqual(second["token"], first["token"]);
    events.cancel();
    const two = { ...request, actors: [objectOf("agent:bot"), objectOf("agent:helper")] };
    await assert.rejects(new Events(client.serverStream("WatchTools", two)).next(), {
      code: status.INVALID_ARGUMENT,
    });
  });

  /** Revisions of 1,000 tuples with long names; nobody reads meanwhile. */
  async function writeMuch(tenant: string, revisions: number): Promise<readonly string[]> {
    const written: string[] = [];
    for (let turn = 0; turn < revisions; turn += 1) {
      const texts = Array.from({ length: 1000 }, (_, index) => {
        const number = String(turn * 1000 + index).padStart(8, "0");
        return `folder:${number}${"x".repeat(300)}#owner@user:bob`;
      });
      await write(tenant, ...texts);
      written.push(...texts);
    }
    return written;
  }
});

function objectOf(text: string): Plain {
  const colon = text.indexOf(":");
  return { type: text.slice(0, colon), id: text.slice(colon + 1) };
}

function tupleOf(text: string): Plain {
  const [object = "", rest = ""] = text.split("#");
  const [relation = "", subject = ""] = rest.split("@");
  return { object: objectOf(object), relation, subject: { object: objectOf(subject) } };
}

function changeOf(changes: unknown): {
  readonly tuples: readonly string[];
  readonly token: string;
} {
  const { tuples, token } = Object(changes);
  const listed: unknown[] = Array.isArray(tuples) ? tuples : [];
  return { tuples: listed.map(textOf), token: String(token) };
}

/** `CREATED type:id#relation@type:id` */
function textOf(change: unknown): string {
  const { kind, tuple } = Object(change);
  const { object, relation, subject } = Object(tuple);
  const named = (value: unknown): string => `${Object(value).type}:${Object(value).id}`;
  const who = named(Object(subject).object);
  return `${String(kind).replace("TUPLE_CHANGE_KIND_", "")} ${named(object)}#${relation}@${who}`;
}

function revisionOf(token: string): number {
  return Number(Buffer.from(token, "base64url").toString("utf8").split(" ")[2]);
}
