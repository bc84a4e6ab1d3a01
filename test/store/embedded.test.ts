import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, suite, test } from "node:test";
import { Client } from "pg";
import { chooseEmbeddedAccount } from "../../src/store/embedded-account.ts";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../../src/store/embedded-postgres.ts";
import { readPostmasterFile, removeSocketFolder } from "../../src/store/embedded-socket.ts";

const isRoot = process.getuid?.() === 0;
const folders: string[] = [];
const children: ChildProcess[] = [];

suite("startEmbeddedPostgres", () => {
  after(cleanUp);

  test("makes the data, stops without a trace, and starts on them again", async () => {
    const dataDir = await makeFolder(0o755);
    const first = await start(dataDir);
    assert.equal(first.origin, "made");
    await execute(first, "create table kept (id integer)");
    const socketFolder = socketFolderOf(first);
    await Promise.all([first.stop(), first.stop()]);
    assert.equal(existsSync(socketFolder), false);
    assert.equal(isAlive(first.processId), false);
    const second = await start(dataDir);
    assert.equal(second.origin, "started");
    await execute(second, "select id from kept");
    await second.stop();
  });

  test("takes a path with spaces and a link, and a temporary folder that is too long", async () => {
    const folder = await makeFolder(0o755);
    await mkdir(join(folder, "real data"));
    await symlink(join(folder, "real data"), join(folder, "link"));
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = join(folder, "x".repeat(120));
    try {
      const embedded = await start(join(folder, "link", "a b"));
      assert.ok(socketFolderOf(embedded).startsWith("/tmp/"));
      await embedded.stop();
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  });

  test("refuses data that a living node uses", async () => {
    const dataDir = await makeFolder(0o755);
    const embedded = await start(dataDir);
    await assert.rejects(start(dataDir), { code: "not_serving" });
    await execute(embedded, "select 1");
    await embedded.stop();
  });

  test("starts for one of two nodes that come at the same time, on data that are whole", async () => {
    const dataDir = await makeFolder(0o755);
    const results = await Promise.allSettled([start(dataDir), start(dataDir)]);
    const started = results.filter((result) => result.status === "fulfilled");
    assert.equal(started.length, 1);
    for (const { value } of started) {
      await execute(value, "select 1");
      await value.stop();
    }
  });

  test("refuses data of another major version, and leaves them alone", async () => {
    const dataDir = await makeFolder(0o755);
    await mkdir(join(dataDir, "postgres"));
    await writeFile(join(dataDir, "postgres", "PG_VERSION"), "17\n");
    await assert.rejects(start(dataDir), { code: "not_supported" });
    assert.equal(await readFile(join(dataDir, "postgres", "PG_VERSION"), "utf8"), "17\n");
  });

  test("says what PostgreSQL said where it does not start, and leaves no socket behind", async () => {
    const dataDir = await makeFolder(0o755);
    const settings = { shared_buffers: "nonsense" };
    await assert.rejects(startEmbeddedPostgres({ dataDir, log: () => undefined, settings }), {
      code: "not_serving",
      message: /nonsense/,
    });
    const embedded = await start(dataDir);
    await embedded.stop();
  });

  test("starts PostgreSQL again, at the same address, when that is killed", async () => {
    const dataDir = await makeFolder(0o755);
    const { promise: revived, resolve } = Promise.withResolvers<void>();
    const log = (message: string): void => {
      if (message.includes("runs again")) resolve();
    };
    const embedded = await startEmbeddedPostgres({ dataDir, log });
    process.kill(embedded.processId, "SIGKILL");
    await revived;
    await execute(embedded, "select 1");
    await embedded.stop();
    assert.equal(isAlive(embedded.processId), false);
  });

  for (const [place, mode, uid] of [
    ["a folder that all may enter", 0o755, undefined],
    ["a folder that only root may enter", 0o700, undefined],
    ["a folder of an ordinary user", 0o700, 65_534],
  ] as const) {
    const skip = place === "a folder that all may enter" || isRoot ? false : "needs root";

    suite(`in ${place}, every answered write is kept`, { skip }, () => {
      let dataDir = "";
      let node: RunningNode;
      const answered: string[] = [];
      before(async () => {
        dataDir = join(await makeFolder(mode, uid), "data");
        node = await startNode(dataDir, uid);
        await node.answers(100);
      });

      async function restartNode(): Promise<RunningNode> {
        answered.push(...node.answered);
        node = await startNode(dataDir, uid, answered.length * 1_000);
        await node.answers(1);
        await assertStored(dataDir, [...answered, ...node.answered]);
        return node;
      }

      test("when PostgreSQL is killed under the node, which starts it again", async () => {
        process.kill(node.postgres, "SIGKILL");
        // What was answered before the end of it may still be on its way here.
        await untilAnother(join(dataDir, "postgres"), node.postgres);
        await node.answers(node.answered.length + 100);
        await assertStored(dataDir, [...node.answered]);
      });

      test("when the node is killed and leaves its PostgreSQL to the next", async () => {
        const left = await readPostmasterFile(join(dataDir, "postgres"));
        await node.kill();
        assert.equal((await restartNode()).postgres, left?.processId);
      });

      test("when both are killed at once", async () => {
        const left = await readPostmasterFile(join(dataDir, "postgres"));
        await node.answers(100);
        await node.kill();
        process.kill(node.postgres, "SIGKILL");
        assert.notEqual((await restartNode()).postgres, left?.processId);
        assert.equal(existsSync(left?.socketFolder ?? "/"), false);
        await node.kill();
      });
    });
  }

  test(
    "runs as the owner of the data, or in a namespace of root's own",
    { skip: !isRoot && "needs root" },
    async () => {
      const open = await makeFolder(0o755);
      const closed = await makeFolder(0o700);
      assert.equal((await chooseEmbeddedAccount(join(open, "postgres"), [])).kind, "account");
      assert.deepEqual(await chooseEmbeddedAccount(join(closed, "postgres"), []), {
        kind: "namespace",
      });
      const owned = await makeFolder(0o700, 65_534);
      assert.deepEqual(await chooseEmbeddedAccount(owned, []), {
        kind: "account",
        uid: 65_534,
        gid: 65_534,
      });
      await chmod(closed, 0o755);
      const ownedByRoot = await makeFolder(0o700);
      assert.deepEqual(await chooseEmbeddedAccount(ownedByRoot, []), { kind: "namespace" });
    },
  );
});

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  return await startEmbeddedPostgres({ dataDir, log: () => undefined });
}

/** Until another process than that one serves the data. */
async function untilAnother(dataFolder: string, processId: number): Promise<void> {
  for (;;) {
    const file = await readPostmasterFile(dataFolder);
    if (file !== undefined && file.processId !== processId) return;
    await sleep(5);
  }
}

interface RunningNode {
  readonly postgres: number;
  readonly answered: readonly string[];
  /** Returns when that many writes have been answered. */
  answers(count: number): Promise<void>;
  kill(): Promise<void>;
}

async function startNode(dataDir: string, uid?: number, first = 0): Promise<RunningNode> {
  const script = join(import.meta.dirname, "../support/embedded-node.ts");
  const child = spawn(process.execPath, [script, dataDir, String(first)], {
    ...(uid === undefined ? {} : { uid, gid: uid }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const answered: string[] = [];
  const postgres = Promise.withResolvers<number>();
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const [word, value = ""] = line.split(" ");
    if (word === "postgres") postgres.resolve(Number(value));
    if (word === "committed") answered.push(value);
  });
  child.once("exit", () => postgres.reject(new Error("the node has ended")));
  return {
    postgres: await postgres.promise,
    answered,
    async answers(count) {
      while (answered.length < count) await once(lines, "line");
    },
    async kill() {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    },
  };
}

async function assertStored(dataDir: string, ids: readonly string[]): Promise<void> {
  const file = await readPostmasterFile(join(dataDir, "postgres"));
  assert.ok(file !== undefined);
  const client = new Client({ host: file.socketFolder, user: "prokura", database: "prokura" });
  await client.connect();
  const { rows } = await client.query<{ object_id: string }>(
    "select object_id from relation_tuple",
  );
  await client.end();
  const stored = new Set(rows.map((row) => row.object_id));
  assert.deepEqual(
    ids.filter((id) => !stored.has(id)),
    [],
  );
}

async function execute(embedded: EmbeddedPostgres, statement: string): Promise<void> {
  const client = new Client({ connectionString: embedded.connectionString });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function socketFolderOf(embedded: EmbeddedPostgres): string {
  return decodeURIComponent(new URL(embedded.connectionString).hostname);
}

/** `mode` is that of a folder between the temporary one and the data. */
async function makeFolder(mode: number, uid?: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "embedded-test-"));
  folders.push(folder);
  await chmod(folder, mode);
  if (uid !== undefined) await chown(folder, uid, uid);
  return folder;
}

function isAlive(processId: number): boolean {
  // One that has ended keeps its number, without a command line, until its parent takes notice.
  try {
    return readFileSync(`/proc/${processId}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}

/** Ends the PostgreSQL that a killed node left behind. */
async function stopLeft(dataDir: string): Promise<void> {
  const file = await readPostmasterFile(join(dataDir, "postgres"));
  if (file === undefined) return;
  if (isAlive(file.processId)) process.kill(file.processId, "SIGQUIT");
  await removeSocketFolder(file.socketFolder);
}

async function cleanUp(): Promise<void> {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) {
    for (const dataDir of [folder, join(folder, "data")]) await stopLeft(dataDir);
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}
