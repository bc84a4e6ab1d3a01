import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import { createTestDatabase } from "./support/database.ts";

suite("npm start", () => {
  test("hands on that it is to stop: no server is left behind", async () => {
    const { connectionString } = await createTestDatabase();
    const listen = ["--grpc-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0", "--log-format=json"];
    const npm = spawn("npm", ["start", "--", ...listen, "--decision-log=off"], {
      cwd: new URL("..", import.meta.url),
      env: { ...process.env, DATABASE_URL: connectionString },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(npm, "exit");
    const messages: string[] = [];
    // The server has the same end of the pipe: the lines end when both are gone.
    for await (const line of createInterface({ input: npm.stderr })) {
      const entry: unknown = line.startsWith("{") ? JSON.parse(line) : undefined;
      if (typeof entry !== "object" || entry === null || !("msg" in entry)) continue;
      messages.push(String(entry.msg));
      if ("grpc" in entry) npm.kill("SIGTERM");
    }
    await ended;
    assert.equal(messages.at(-1), "stopped");
  });
});
