import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { suite, test } from "node:test";
import { createLimitedFetch } from "../../src/gateway/limited-fetch.ts";

suite("createLimitedFetch", () => {
  test("passes a body up to the limit, and fails one over it", async () => {
    assert.equal((await read("application/json", ["x".repeat(1_000)])).length, 1_000);
    await assert.rejects(read("application/json", ["x".repeat(600), "x".repeat(401)]));
  });

  test("counts each event of a stream for itself", async () => {
    const event = `data: ${"x".repeat(600)}\n\n`;
    assert.equal((await read("text/event-stream", [event, event, event])).length, 3 * event.length);
    await assert.rejects(read("text/event-stream", [event, `data: ${"x".repeat(1_000)}`]));
  });
});

/** Reads what a server sends, a chunk at a time. */
async function read(type: string, chunks: readonly string[]): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader("Content-Type", type);
    for (const chunk of chunks) response.write(chunk);
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const response = await createLimitedFetch(1_000)(`http://127.0.0.1:${address.port}/`);
    return await response.text();
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
