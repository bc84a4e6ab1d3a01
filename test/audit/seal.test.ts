import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { linkRows } from "../../src/audit/chain.ts";
import { unpackRows } from "../../src/audit/packing.ts";
import { RowBlockWriter, type RowBlock } from "../../src/audit/row-block.ts";
import { sealBlock, type Sealed } from "../../src/audit/seal.ts";
import { createSealer } from "../../src/audit/sealer.ts";

const previous = "ab".repeat(32);
/** Of one to four bytes a character, and some longer than the room that is made for a row. */
const row = fc.oneof(
  { arbitrary: fc.string({ unit: "grapheme", maxLength: 60 }), weight: 9 },
  { arbitrary: fc.constantFrom("€".repeat(900), "\u{1f600}".repeat(700), ""), weight: 1 },
);
const rows = fc
  .array(row, { minLength: 1, maxLength: 40 })
  .map((all) => all.map((one) => one.replaceAll("\n", "")));

suite("sealing a block", () => {
  test("links and packs what rows one by one would be", () => {
    fc.assert(
      fc.property(rows, fc.nat(40), (all, expected) => {
        assertSealed(sealBlock(previous, blockOf(all, expected)), all);
      }),
    );
  });

  test("on the thread comes to the same, and takes the block", async () => {
    const sealer = createSealer();
    const all = Array.from({ length: 300 }, (_, index) => `{"at":${index},"text":"é€\u{1f600}"}`);
    let isTaken = false;
    // The thread is used from when it has started; until then a block is sealed here.
    while (!isTaken) {
      const block = blockOf(all, 300);
      const sealing = sealer.seal(previous, block);
      isTaken = block.bytes.byteLength === 0;
      assertSealed(await sealing, all);
      await setImmediate();
    }
    const many = Array.from({ length: 5 }, () => sealer.seal(previous, blockOf(all, 1)));
    for (const sealed of await Promise.all(many)) assertSealed(sealed, all);
    await sealer.close();
    assertSealed(await sealer.seal(previous, blockOf(all, 1)), all);
  });

  test("leaves what earlier versions packed to be read, and what is nothing of the kind unread", () => {
    assert.deepEqual(unpackRows(gzipSync("one\ntwo")), ["one", "two"]);
    const { packed } = sealBlock(previous, blockOf(["one", "two"], 2));
    assert.equal(unpackRows(Buffer.from(packed).subarray(0, -1)), undefined);
    assert.equal(unpackRows(Buffer.alloc(0)), undefined);
  });
});

function blockOf(all: readonly string[], expected: number): RowBlock {
  const writer = new RowBlockWriter(expected);
  for (const one of all) writer.add(one);
  assert.equal(writer.count, all.length);
  return writer.finish();
}

function assertSealed({ hashes, head, packed }: Sealed, all: readonly string[]): void {
  const linked = linkRows(previous, all);
  assert.deepEqual(Buffer.from(hashes), linked.hashes);
  assert.equal(head, linked.head);
  assert.deepEqual(unpackRows(Buffer.from(packed)), all);
}
