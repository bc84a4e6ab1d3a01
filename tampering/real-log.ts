import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSigningKey, type SignedCheckpoint, type SigningKey } from "../src/audit/checkpoint.ts";
import { createClient, type Client as Prokura } from "../src/client/client.ts";
import { parseObjectText, type ObjectRef } from "../src/core/object.ts";
import { parseTupleText } from "../src/core/tuple.ts";
import { tupleToProto } from "../src/client/tuple.ts";
import { Database } from "../src/store/database.ts";
import { lastCheckpoints } from "../src/store/log-segments.ts";
import { startProcess, type ServerProcess } from "../test/rpc/server-process.ts";
import { createTestDatabase } from "../test/support/database.ts";
import { removeWithProcess } from "../test/support/remains.ts";

/** A log that real servers wrote, and what an auditor kept of it elsewhere. */
export interface RealLog {
  readonly connectionString: string;
  /** The last checkpoint of each chain by each key, as of the end. */
  readonly kept: readonly SignedCheckpoint[];
  /** The same from before the servers were started for the last time. */
  readonly keptEarlier: readonly SignedCheckpoint[];
  /** When that was. */
  readonly keptEarlierMs: number;
  /** With which a node signed. */
  readonly keyOf: (name: string) => Promise<SigningKey>;
  /** Starts a node on a copy, with the keys of those that wrote the log. */
  readonly startNode: (
    connectionString: string,
    name: string,
    dataDir?: string,
  ) => Promise<ServerProcess>;
}

const model = new URL("../schema/models/stock.fga", import.meta.url);

/**
 * Two nodes write: they stop and start again, one is killed, and decisions of all kinds and changes of
 * most are in between.
 */
export async function makeRealLog(): Promise<RealLog> {
  const { connectionString } = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), "prokura-tampering-"));
  removeWithProcess(folder);
  const startNode = (address: string, name: string, dataDir = name): Promise<ServerProcess> =>
    startProcess(["--decision-log-checkpoint=500ms", `--data-dir=${join(folder, dataDir)}`], {
      DATABASE_URL: address,
      PROKURA_NODE_NAME: name,
      PROKURA_DECISION_LOG_CONTEXT: "to",
    });
  const start = (name: string) => startNode(connectionString, name);
  await using one = await start("one");
  await using two = await start("two");
  await prepare(one);
  await ask(one, 12);
  await ask(two, 12);
  await one.stop("SIGTERM");
  await using again = await start("one");
  await ask(again, 12);
  await ask(two, 6);
  // Its last rows are written, and it never says that it ends.
  await sleep(1_500);
  await two.stop("SIGKILL");
  const keptEarlier = await keep(connectionString);
  const keptEarlierMs = Date.now();
  await using back = await start("two");
  await change(again);
  await ask(back, 12);
  await ask(again, 6);
  await Promise.all([again.stop("SIGTERM"), back.stop("SIGTERM")]);
  const keyOf = async (name: string): Promise<SigningKey> => {
    const key = readSigningKey(await readFile(join(folder, name, "decision-log-key.pem"), "utf8"));
    if (key === undefined) throw new Error(`node ${name} has no key`);
    return key;
  };
  const kept = await keep(connectionString);
  return { connectionString, kept, keptEarlier, keptEarlierMs, keyOf, startNode };
}

/** Decisions of all kinds: allowed, denied, failed, with a context, in a batch. */
export async function ask(server: ServerProcess, count: number): Promise<void> {
  using client = createClient({ address: server.grpcAddress, deadlineMs: 20_000 });
  for (let index = 0; index < count; index += 1) {
    const to = index % 3 === 0 ? { to: "bob@example.com", body: "secret" } : undefined;
    await client.authorization.check({ ...call("user:alice"), ...(to && { context: to }) });
    await client.authorization.check(call(index % 2 === 0 ? "user:bob" : "user:carol"));
    await client.authorization.check(call("planet:mars")).catch(() => undefined);
  }
  await client.authorization.batchCheck({ items: [call("user:alice"), call("user:bob")] });
  // Rows of one batch each: what is gathered in 40 ms is one segment.
  await sleep(100);
}

async function prepare(server: ServerProcess): Promise<void> {
  using client = createClient({ address: server.grpcAddress, deadlineMs: 20_000 });
  const text = await readFile(model, "utf8");
  await client.model.writeModel({ source: { case: "text", value: text }, options: why("begin") });
  await write(client, [
    "mcp_server:mail#eligible@agent:*",
    "tool:send#server@mcp_server:mail",
    "tool:send#eligible@agent:*",
    "tool:send#requires@permission:mailbox/sender",
    "mailbox:alice#owner@user:alice",
    "mailbox:alice#owner@user:carol",
  ]);
  await delegate(client, "user:alice");
}

/** Changes of most kinds. */
export async function change(server: ServerProcess): Promise<void> {
  using client = createClient({ address: server.grpcAddress, deadlineMs: 20_000 });
  await write(client, ["mailbox:bob#owner@user:bob"]);
  await delegate(client, "user:bob");
  await client.delegation.revoke({
    selector: { principal: object("user:bob") },
    options: why("she changed her mind"),
  });
  await client.delegation.suspend({ target: object("user:carol"), options: why("stolen laptop") });
  await write(client, ["mailbox:dan#owner@user:dan"]);
}

async function delegate(client: Prokura, principal: string): Promise<void> {
  await client.delegation.delegate({
    principal: object(principal),
    delegate: object("agent:bot"),
    pairs: [
      {
        tools: [{ subject: { subject: { case: "object", value: object("tool:send") } } }],
        resources: [{ subject: { subject: { case: "object", value: object("mailbox:alice") } } }],
      },
    ],
    purpose: "answer the mail",
    options: why("consent screen"),
  });
}

async function write(client: Prokura, tuples: readonly string[]): Promise<void> {
  await client.tuple.writeTuples({
    operations: tuples.map((text) => ({
      operation: { case: "touch", value: tupleToProto(parseTupleText(text, "tuple")) },
    })),
    options: why("set up"),
  });
}

function call(principal: string) {
  return {
    principal: object(principal),
    actors: [object("agent:bot")],
    tool: object("tool:send"),
    accesses: [{ resource: object("mailbox:alice") }],
  };
}

function object(text: string): ObjectRef {
  return parseObjectText(text, "object");
}

function why(reason: string): { readonly reason: string } {
  return { reason };
}

/** The last checkpoint of each chain by each key. */
export async function keep(connectionString: string): Promise<readonly SignedCheckpoint[]> {
  const database = new Database({ connectionString, log: () => undefined });
  const parts = await lastCheckpoints(database, "default");
  await database.close();
  return parts.map(({ signed }) => signed);
}
