import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CheckRequestSchema,
  BatchCheckRequestSchema,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { decodeBatchCheck, decodeCheck } from "../../src/rpc/check-decoder.ts";
import { callFromProto } from "../../src/rpc/checks.ts";
import { derivedOf, SharedMessages } from "../../src/rpc/shared-messages.ts";

suite("SharedMessages", () => {
  test("makes equal bytes one message once they came twice", () => {
    const shared = new SharedMessages<{ readonly id: number }>();
    const read = (id: number): { readonly id: number } => {
      const bytes = Buffer.from("..what was sent..");
      const known = shared.find(bytes, 2, bytes.length - 2);
      const message = known ?? { id };
      if (known === undefined) shared.offer(bytes, 2, bytes.length - 2, message);
      return message;
    };
    assert.deepEqual([read(1).id, read(2).id, read(3).id, read(4).id], [1, 2, 2, 2]);
    assert.equal(derivedOf(read(5)) === undefined, false);
  });

  test("never takes bytes for others, however many come", () => {
    const shared = new SharedMessages<{ readonly id: number }>();
    let found = 0;
    for (let id = 0; id < 300_000; id += 1) {
      const bytes = Buffer.alloc(6);
      bytes.writeUIntBE(Math.imul(id, 0x9e3779b1) >>> 0, 0, 6);
      for (let time = 0; time < 3; time += 1) {
        const known = shared.find(bytes, 0, 6);
        if (known === undefined) shared.offer(bytes, 0, 6, { id });
        else found += 1;
        assert(known === undefined || known.id === id);
      }
    }
    assert(found > 290_000);
  });

  test("keeps the bytes themselves, not the chunk that they came in", () => {
    const shared = new SharedMessages<object>();
    const chunk = Buffer.alloc(65_536);
    const start = 65_000;
    chunk.write("a question", start);
    const message = {};
    for (let time = 0; time < 2; time += 1) {
      assert.equal(shared.find(chunk, start, start + 10), undefined);
      shared.offer(chunk, start, start + 10, message);
    }
    chunk.fill("another");
    assert.equal(shared.find(Buffer.from("a question"), 0, 10), message);
  });

  test("forgets what came long ago, and keeps nothing that is long", () => {
    const shared = new SharedMessages<object>();
    const long = Buffer.alloc(1_025, 7);
    const old = Buffer.from("old");
    for (const bytes of [long, long, old, old]) {
      if (shared.find(bytes, 0, bytes.length) === undefined)
        shared.offer(bytes, 0, bytes.length, {});
    }
    assert.equal(shared.find(long, 0, long.length), undefined);
    assert.notEqual(shared.find(old, 0, 3), undefined);
    for (let id = 0; id < 20_000; id += 1) {
      const bytes = Buffer.from(`new ${id}`);
      for (let time = 0; time < 2; time += 1) {
        if (shared.find(bytes, 0, bytes.length) === undefined) {
          shared.offer(bytes, 0, bytes.length, {});
        }
      }
    }
    assert.equal(shared.find(old, 0, 3), undefined);
  });
});

const limits = {
  operationsMax: 1,
  checksMax: 3,
  contextualTuplesMax: 0,
  contextBytesMax: 0,
  pageSizeMax: 1,
};

suite("decoding what came before", () => {
  const call = {
    principal: { type: "user", id: "u" },
    actors: [{ type: "agent", id: "a" }],
    tool: { type: "tool", id: "t" },
    accesses: [{ resource: { type: "document", id: "d" } }],
  };

  test("gives the message that reading gives, and the same call for it", () => {
    const bytes = Buffer.from(toBinary(CheckRequestSchema, create(CheckRequestSchema, call)));
    const read = [1, 2, 3].map(() => {
      const request = decodeCheck(Buffer.from(bytes));
      assert(request !== undefined);
      assert(equals(CheckRequestSchema, request, fromBinary(CheckRequestSchema, bytes)));
      return request;
    });
    assert.equal(read[1], read[2]);
    const [first, ...shared] = read.map((one) => callFromProto(one, limits, ""));
    assert.equal(first?.isShared, undefined);
    assert.equal(shared[0]?.isShared, true);
    assert.equal(shared[0], shared[1]);
    assert.deepEqual({ ...first, isShared: true }, shared[0]);
  });

  test("shares the items of batches one by one, and still reads what stands behind them", () => {
    const message = create(BatchCheckRequestSchema, {
      tenant: "acme",
      items: [call, { ...call, explain: true }, call],
    });
    const bytes = Buffer.from(toBinary(BatchCheckRequestSchema, message));
    for (let time = 0; time < 3; time += 1) {
      const request = decodeBatchCheck(bytes);
      assert(request !== undefined);
      assert(equals(BatchCheckRequestSchema, request, message));
    }
    const request = decodeBatchCheck(bytes);
    assert.equal(request?.items[0], request?.items[2]);
    assert.notEqual(request?.items[0], request?.items[1]);
  });

  test("shares no message of more parts than a call has, short as it may be", () => {
    const twice = (accesses: number): boolean => {
      const parts = Array.from({ length: accesses }, () => ({}));
      const asked = { ...call, accesses: parts };
      const check = toBinary(CheckRequestSchema, create(CheckRequestSchema, asked));
      const batch = toBinary(
        BatchCheckRequestSchema,
        create(BatchCheckRequestSchema, { items: [asked] }),
      );
      const [first, second, third] = [1, 2, 3].map(() => decodeCheck(Buffer.from(check)));
      const items = [1, 2, 3].map(() => decodeBatchCheck(Buffer.from(batch))?.items[0]);
      assert(first !== undefined && first !== second && items[0] !== undefined);
      assert.equal(second === third, items[1] === items[2]);
      return second === third;
    };
    assert.equal(twice(15), true);
    assert.equal(twice(16), false);
  });

  test("shares no message that shows a token", () => {
    const shown = { ...call, principal: undefined, actors: [], bearerToken: "secret" };
    const bytes = Buffer.from(toBinary(CheckRequestSchema, create(CheckRequestSchema, shown)));
    for (let time = 0; time < 3; time += 1) assert.equal(decodeCheck(bytes), undefined);
  });
});
