import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { AuthorizationService } from "../../src/gen/prokura/v1/authorization_pb.ts";
import {
  decodeBatchCheck,
  decodeCheck,
  decodeCheckRelation,
  decodeStreamCheck,
} from "../../src/rpc/check-decoder.ts";
import { codecOf } from "../../src/rpc/codec.ts";
import { DomainError } from "../../src/core/error.ts";

const { check, batchCheck, streamCheck, checkRelation } = AuthorizationService.method;

const text = fc.oneof(
  fc.constantFrom(
    "",
    "alice",
    "x".repeat(127),
    "x".repeat(128),
    "ä",
    "😀",
    "\u0000",
    "file:///a b",
  ),
  fc.string({ maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const object = fc.record({ type: text, id: text });
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const context = optional(
  fc.dictionary(fc.string({ maxLength: 5 }), fc.oneof(fc.string(), fc.integer(), fc.boolean())),
);
const callFields = {
  principal: optional(object),
  actors: fc.array(object, { maxLength: 3 }),
  tool: optional(object),
  accesses: fc.array(fc.record({ resource: optional(object), role: text, permission: text }), {
    maxLength: 3,
  }),
  session: optional(object),
  delegationId: text,
  partialChain: fc.boolean(),
  explain: fc.boolean(),
  mode: fc.constantFrom(0, 0, 0, 1, 2, 77),
};
const requests = {
  check: fc.record({ tenant: text, ...callFields, context }, { requiredKeys: [] }),
  batchCheck: fc.record({
    tenant: text,
    items: fc.array(fc.record(callFields, { requiredKeys: [] }), { maxLength: 4 }),
  }),
  streamCheck: fc.record({
    tag: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    items: fc.array(fc.record(callFields, { requiredKeys: [] }), { maxLength: 4 }),
  }),
  checkRelation: fc.record({
    tenant: text,
    object: optional(object),
    relation: text,
    subject: optional(
      fc.oneof(
        object.map((value) => ({ subject: { case: "object" as const, value } })),
        fc
          .record({ type: text })
          .map((value) => ({ subject: { case: "wildcard" as const, value } })),
        fc.record({ object, relation: text }).map((value) => ({
          subject: { case: "userset" as const, value },
        })),
      ),
    ),
    explain: fc.boolean(),
  }),
};

const decision = fc.record(
  {
    verdict: fc.nat(2),
    reason: fc.nat(16),
    detail: text,
    delegationIds: fc.array(text, { maxLength: 3 }),
    token: text,
    validUntil: fc.record({
      seconds: fc.oneof(fc.bigInt({ min: -5n, max: 2n ** 60n }), fc.bigInt({ min: 0n, max: 300n })),
      nanos: fc.integer({ min: 0, max: 999_999_999 }),
    }),
    decisionId: text,
    missingContext: fc.array(text, { maxLength: 3 }),
    modelId: text,
    explanation: fc.record({ label: text }),
    usesLeft: fc.nat(3),
  },
  { requiredKeys: [] },
);
const error = fc.record({ code: text, message: text });
const result = fc.oneof(
  decision.map((value) => ({ result: { case: "decision" as const, value } })),
  error.map((value) => ({ result: { case: "error" as const, value } })),
  fc.constant({}),
);
const answers = {
  check: decision,
  batchCheck: fc.record({ results: fc.array(result, { maxLength: 150 }), token: text }),
  streamCheck: fc.record(
    {
      tag: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      results: fc.array(result, { maxLength: 4 }),
      token: text,
      error,
    },
    { requiredKeys: ["tag"] },
  ),
  checkRelation: fc.record({ member: fc.boolean(), token: text }),
};

suite("codecOf", () => {
  test("the usual forms of checks take the quick way", () => {
    const usual = {
      principal: { type: "user", id: "alice" },
      actors: [{ type: "agent", id: "mailbot" }],
      tool: { type: "tool", id: "mail/send" },
      accesses: [{ resource: { type: "mailbox", id: "alice" }, role: "from" }],
    };
    const bytes = (method: DescMethod, message: Record<string, unknown>): Buffer =>
      Buffer.from(toBinary(method.input, create(method.input, message)));
    const batch = { items: [usual, usual] };
    const subject = { subject: { case: "object", value: usual.principal } };
    const relation = { object: usual.tool, relation: "viewer", subject };
    assert.notEqual(decodeCheck(bytes(check, usual)), undefined);
    assert.notEqual(decodeBatchCheck(bytes(batchCheck, batch)), undefined);
    assert.notEqual(decodeStreamCheck(bytes(streamCheck, { ...batch, tag: 7n })), undefined);
    assert.notEqual(decodeCheckRelation(bytes(checkRelation, relation)), undefined);
  });

  readsAs(check, requests.check);
  readsAs(batchCheck, requests.batchCheck);
  readsAs(streamCheck, requests.streamCheck);
  readsAs(checkRelation, requests.checkRelation);
  writesAs(check, answers.check);
  writesAs(batchCheck, answers.batchCheck);
  writesAs(streamCheck, answers.streamCheck);
  writesAs(checkRelation, answers.checkRelation);

  for (const method of [check, batchCheck, streamCheck, checkRelation]) {
    test(`${method.name}: bytes that are no message are refused as a slow decoder refuses them`, () => {
      const codec = codecOf<DescMessage, DescMessage>(method);
      const noise = fc.array(
        fc.oneof(fc.constantFrom(0, 2, 3, 10, 18, 26, 34, 0x80, 0xff), fc.nat(255)),
        { maxLength: 30 },
      );
      fc.assert(
        fc.property(noise, (numbers) => {
          const bytes = Buffer.from(numbers);
          assertSame(method.input, bytes, () => codec.decode(bytes));
        }),
        { numRuns: 2_000 },
      );
    });
  }
});

function readsAs(method: DescMethod, messages: fc.Arbitrary<Record<string, unknown>>): void {
  test(`${method.name}: a request is read as a slow decoder reads it, whole and broken`, () => {
    const codec = codecOf(method);
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(255), (message, place, change) => {
        const bytes = Buffer.from(toBinary(method.input, create(method.input, message)));
        assertSame(method.input, bytes, () => codec.decode(bytes));
        const cut = bytes.subarray(0, place % (bytes.length + 1));
        assertSame(method.input, cut, () => codec.decode(cut));
        const changed = Buffer.from(bytes);
        if (bytes.length > 0) changed[place % bytes.length] = change;
        assertSame(method.input, changed, () => codec.decode(changed));
        const twice = Buffer.concat([bytes, bytes]);
        assertSame(method.input, twice, () => codec.decode(twice));
      }),
      { numRuns: 500 },
    );
  });
}

function writesAs(method: DescMethod, messages: fc.Arbitrary<Record<string, unknown>>): void {
  test(`${method.name}: an answer is written byte by byte as a slow encoder writes it`, () => {
    const codec = codecOf(method);
    fc.assert(
      fc.property(messages, (message) => {
        const framed = codec.encode(message);
        assert.equal(framed[0], 0);
        assert.equal(framed.readUInt32BE(1), framed.length - 5);
        const expected = toBinary(method.output, create(method.output, message));
        assert.deepEqual(framed.subarray(5), Buffer.from(expected));
      }),
      { numRuns: 500 },
    );
  });
}

/** The same message, or refused by both. */
function assertSame(input: DescMessage, bytes: Buffer, decode: () => object): void {
  let expected;
  try {
    expected = fromBinary(input, bytes);
  } catch {
    assert.throws(decode, (thrown) => thrown instanceof DomainError && thrown.code === "malformed");
    return;
  }
  assert.deepEqual(plain(decode()), plain(expected));
}

function plain(message: object): unknown {
  return JSON.parse(JSON.stringify(message, bigAsText));
}

function bigAsText(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
