import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { suite, test } from "node:test";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { connectStdioAgent } from "../../src/gateway/stdio-agent.ts";

const ping = { jsonrpc: "2.0", id: 1, method: "ping" };

suite("connectStdioAgent", () => {
  test("takes one message a line, in whatever pieces it comes", async () => {
    const agent = await open();
    const text = `${JSON.stringify(ping)}\r\n\n${JSON.stringify({ ...ping, id: "é" })}\n`;
    for (const byte of Buffer.from(text)) agent.input.write(Buffer.from([byte]));
    await agent.received(2);
    assert.deepEqual(agent.messages, [ping, { ...ping, id: "é" }]);
  });

  const refused = {
    "text that is not JSON": ["{", -32_700, null],
    "a batch": [`[${JSON.stringify(ping)}]`, -32_600, null],
    "a name that stands twice": ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32_700, null],
    "a request without a version": ['{"id":7,"method":"ping"}', -32_600, 7],
    "an id that is an object": ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32_600, null],
  } as const;
  for (const [what, [line, code, id]] of Object.entries(refused)) {
    test(`answers ${what} and reads on`, async () => {
      const agent = await open();
      agent.input.write(`${line}\n${JSON.stringify(ping)}\n`);
      await agent.received(1);
      const answer = JSON.parse(String(agent.output.read()));
      assert.deepEqual([answer.error.code, answer.id], [code, id]);
      assert.deepEqual(agent.messages, [ping]);
    });
  }

  test("answers what is not UTF-8", async () => {
    const agent = await open();
    agent.input.write(Buffer.from([0x22, 0xff, 0x22, 10]));
    const [answer] = await once(agent.output, "data");
    assert.equal(JSON.parse(String(answer)).error.code, -32_700);
  });

  test("ends where a line is over the limit, whether it ends or not", async () => {
    for (const line of ["x".repeat(2_000), `${"x".repeat(2_000)}\n`]) {
      const agent = await open();
      agent.input.write(line);
      await agent.closed;
    }
  });

  test("ends when the agent closes its end", async () => {
    const agent = await open();
    agent.input.end();
    await agent.closed;
  });
});

interface OpenAgent {
  readonly input: PassThrough;
  readonly output: PassThrough;
  readonly messages: unknown[];
  readonly closed: Promise<void>;
  received(count: number): Promise<void>;
}

async function open(): Promise<OpenAgent> {
  const input = new PassThrough();
  const output = new PassThrough();
  const transport: Transport = connectStdioAgent(input, output, 1_000);
  const messages: unknown[] = [];
  const closed = Promise.withResolvers<void>();
  let look = (): void => undefined;
  transport.onmessage = (message) => {
    messages.push(message);
    look();
  };
  transport.onclose = () => closed.resolve();
  await transport.start();
  return {
    input,
    output,
    messages,
    closed: closed.promise,
    received: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (messages.length >= count) resolve();
        };
        look();
      }),
  };
}
