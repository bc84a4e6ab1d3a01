import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "../src/client/client.ts";
import { mergeMetrics } from "../src/rpc/merge-metrics.ts";
import { startProcess, type ServerProcess } from "./rpc/server-process.ts";
import { createTestDatabase } from "./support/database.ts";

const program = fileURLToPath(new URL("../bin/prokura.js", import.meta.url));

suite("serve --workers", () => {
  test("few connections go to all workers, whose metrics are one page, and all stop together", async () => {
    const database = await createTestDatabase();
    await using server = await startProcess(["--workers=2"], {
      DATABASE_URL: database.connectionString,
    });
    const [first = 0, second = 0] = await workersOf(server, 2);
    assert.notEqual(first, second);
    for (let connection = 0; connection < 4; connection += 1) {
      using client = createClient({ address: server.grpcAddress });
      await client.admin.listTenants({});
    }
    const page = await (await fetch(`${server.httpUrl}/metrics`)).text();
    const asked = [
      ...page.matchAll(/^prokura_requests_total\{worker="(\d)".*ListTenants.* (\d+)$/gm),
    ];
    assert.deepEqual(asked.map(([, worker, count]) => `${worker}: ${count}`).toSorted(), [
      "1: 2",
      "2: 2",
    ]);
    assert.equal([...page.matchAll(/^# TYPE prokura_requests_total /gm)].length, 1);
    assert.equal(await server.stop("SIGTERM"), 0);
    for (const pid of [first, second]) assert.throws(() => process.kill(pid, 0), /ESRCH/);
  });

  test("a worker that is killed is started again, and the others answer meanwhile", async () => {
    const database = await createTestDatabase();
    await using server = await startProcess(["--workers=2"], {
      DATABASE_URL: database.connectionString,
    });
    const [first = 0] = await workersOf(server, 2);
    process.kill(first, "SIGKILL");
    while (!server.lines.some((line) => line.includes("a worker ended"))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    using client = createClient({ address: server.grpcAddress });
    await client.admin.listTenants({});
    const all = await workersOf(server, 3);
    assert.equal(new Set(all).size, 3);
  });

  test("a server whose first worker cannot start says so and ends", async () => {
    const unreachable = { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" };
    await assert.rejects(startProcess(["--workers=2"], unreachable), /the server ended/);
  });

  test("a server that is told to stop before its first worker answers ends well", async () => {
    const database = await createTestDatabase();
    const args = ["--grpc-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--workers=2"];
    const child = spawn(process.execPath, [program, "serve", ...args], {
      env: { ...process.env, DATABASE_URL: database.connectionString },
      stdio: "ignore",
    });
    const exited = once(child, "exit");
    const { pid = 0 } = child;
    while ((await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")) === "") {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });
});

suite("mergeMetrics", () => {
  test("each metric has one head and the samples of all, told apart", () => {
    const text = (value: number): string =>
      `# HELP a Some.\n# TYPE a counter\na{b="c d"} ${value}\na ${value}\n`;
    assert.equal(
      mergeMetrics([
        { labels: 'w="1"', text: text(1) },
        { labels: 'w="2"', text: text(2) },
      ]),
      '# HELP a Some.\n# TYPE a counter\na{w="1",b="c d"} 1\na{w="1"} 1\na{w="2",b="c d"} 2\na{w="2"} 2\n',
    );
  });
});

/** Their process ids, as they come to serve. */
async function workersOf({ lines }: ServerProcess, count: number): Promise<readonly number[]> {
  for (;;) {
    const pids = lines.flatMap((line) => {
      const parsed: unknown = JSON.parse(line);
      const isWorker = Reflect.get(Object(parsed), "msg") === "a worker serves";
      return isWorker ? [Number(Reflect.get(Object(parsed), "pid"))] : [];
    });
    if (pids.length >= count) return pids;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
