import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { frameMessage, MessageReader } from "../../src/rpc/grpc-framing.ts";
import { heldBytes } from "../support/garbage.ts";

const bytesMax = 100_000;

suite("MessageReader", () => {
  test("reads the same messages however their bytes are cut, and whenever they are asked for", () => {
    const piece = fc.tuple(fc.integer({ min: 1, max: 200 }), fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(piece, { minLength: 1, maxLength: 50 }),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map((message) => frameMessage(message)));
          const reader = new MessageReader(bytesMax);
          const read: Buffer[] = [];
          let at = 0;
          for (let turn = 0; at < bytes.length; turn += 1) {
            const [length, asks, keeps] = cuts[turn % cuts.length] ?? [1, true, false];
            // Memory that is used again: what is kept must not stand in it.
            const chunk = Buffer.from(bytes.subarray(at, at + length));
            at += length;
            reader.push(chunk);
            if (asks) read.push(...wholeOf(reader));
            if (keeps) reader.keep();
            if (asks || keeps) chunk.fill(0xee);
          }
          read.push(...wholeOf(reader));
          assert.deepEqual(
            read,
            messages.map((message) => Buffer.from(message)),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a message over the limit is refused when its length is known, and room is made for none of it", () => {
    const reader = new MessageReader(10);
    reader.push(Buffer.from([0, 0xff, 0xff, 0xff]));
    assert.equal(reader.next(), undefined);
    reader.push(Buffer.from([0xff, 1]));
    reader.keep();
    assert.throws(() => reader.next(), { code: "limit_exceeded" });
  });

  test("a few bytes that wait do not keep the read that they came in", async () => {
    const readers = Array.from({ length: 200 }, () => new MessageReader(bytesMax));
    const beforeBytes = await heldBytes();
    for (const reader of readers) {
      const read = Buffer.alloc(256 * 1024);
      reader.push(read.subarray(0, 3));
      assert.equal(reader.next(), undefined);
    }
    assert.ok((await heldBytes()) - beforeBytes < 10 * 1024 * 1024);
    for (const reader of readers) assert.equal(reader.next(), undefined);
  });

  test("a message in single bytes takes about its own length", async () => {
    const reader = new MessageReader(bytesMax);
    const bytes = frameMessage(Buffer.alloc(bytesMax, 7));
    const beforeBytes = await heldBytes();
    for (let at = 0; at < bytes.length - 1; at += 1) {
      reader.push(Buffer.from(bytes.subarray(at, at + 1)));
      assert.equal(reader.next(), undefined);
    }
    const grownBytes = (await heldBytes()) - beforeBytes;
    reader.push(bytes.subarray(-1));
    assert.equal(reader.next()?.bytes.length, bytesMax);
    assert.ok(grownBytes < 4 * 1024 * 1024, `${grownBytes} bytes`);
  });
});

/** What is copied, as it is read. */
function wholeOf(reader: MessageReader): Buffer[] {
  const messages: Buffer[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) {
    messages.push(Buffer.from(next.bytes));
  }
  return messages;
}
