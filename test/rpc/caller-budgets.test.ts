import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../src/client/api-error.ts";
import { createClient } from "../../src/client/client.ts";
import type { Caller } from "../../src/core/caller.ts";
import { DomainError } from "../../src/core/error.ts";
import { CallerBudgets, costOf } from "../../src/rpc/caller-budgets.ts";
import { retryInfo } from "../../src/rpc/errors.ts";
import { allowed } from "./decisions.ts";
import { serve } from "./serving.ts";

const one: Caller = { id: "key:k1", proof: { kind: "key", keyId: "k1" } };
const other: Caller = { id: "key:k2", proof: { kind: "key", keyId: "k2" } };

suite("CallerBudgets", () => {
  test("lets a caller ask its rate at once, and then as it comes in again", () => {
    const { budgets, clock } = at(10);
    for (let count = 0; count < 10; count += 1) budgets.spend(one, 1);
    assert.equal(
      retryAfterMs(() => budgets.spend(one, 1)),
      100,
    );
    clock.ms += 100;
    budgets.spend(one, 1);
    assert.throws(() => budgets.spend(one, 1), { code: "limit_exceeded" });
  });

  test("takes nothing from other callers, and knows one by name, not by token", () => {
    const { budgets } = at(1);
    budgets.spend(one, 1);
    budgets.spend(other, 1);
    assert.throws(() => budgets.spend({ ...one }, 1), { code: "limit_exceeded" });
  });

  test("a batch may be larger than what is left, and is paid for afterwards", () => {
    const { budgets, clock } = at(10);
    budgets.spend(one, 100);
    assert.equal(
      retryAfterMs(() => budgets.spend(one, 1)),
      9_100,
    );
    clock.ms += 9_100;
    budgets.spend(one, 1);
  });

  test("no silence saves up more than a second", () => {
    const { budgets, clock } = at(2);
    clock.ms += 60_000;
    budgets.spend(one, 1);
    budgets.spend(one, 1);
    assert.throws(() => budgets.spend(one, 1), { code: "limit_exceeded" });
  });

  test("requests under way and open streams are bounded, and counted apart", async () => {
    const { budgets } = at(Infinity, 1);
    const answer = Promise.withResolvers<void>();
    const waiting = budgets.wait(budgets.spend(one, 1), answer.promise);
    assert.equal(
      retryAfterMs(() => budgets.spend(one, 1)),
      250,
    );
    answer.reject(new Error("failed"));
    await assert.rejects(waiting);
    budgets.spend(one, 1);
    const close = budgets.open(one);
    assert.throws(() => budgets.open(one), { code: "limit_exceeded" });
    close();
    budgets.open(one);
  });

  test("forgets callers that are silent, and never one that owes", () => {
    const { budgets, clock } = at(10);
    budgets.spend(one, 1_000);
    for (let count = 0; count < 10_000; count += 1) {
      budgets.spend({ ...other, id: `key:m${count}` }, 1);
    }
    clock.ms += 2_000;
    budgets.spend({ ...other, id: "key:late" }, 1);
    assert.throws(() => budgets.spend({ ...one }, 1), { code: "limit_exceeded" });
  });

  test("forgets a caller that owed, once that is paid for", () => {
    const { budgets, clock } = at(10);
    for (let count = 0; count < 10_000; count += 1) {
      budgets.spend({ ...other, id: `key:m${count}` }, 20);
    }
    clock.ms += 5_000;
    const before = budgets.remembered;
    budgets.spend({ ...other, id: "key:late" }, 1);
    assert.deepEqual([before, budgets.remembered], [10_000, 1]);
  });

  test("one that was forgotten is one caller again, whatever tokens it shows", () => {
    const { budgets, clock } = at(1);
    const first = { ...one };
    budgets.spend(first, 1);
    for (let count = 0; count < 10_000; count += 1) {
      budgets.spend({ ...other, id: `key:m${count}` }, 1);
    }
    clock.ms += 2_000;
    budgets.spend({ ...other, id: "key:late" }, 1);
    budgets.spend(first, 1);
    assert.throws(() => budgets.spend({ ...one }, 1), { code: "limit_exceeded" });
  });

  test("looks for callers to forget once a second at most", () => {
    const { budgets, clock } = at(1_000_000);
    for (let count = 0; count < 10_000; count += 1) {
      budgets.spend({ ...other, id: `key:m${count}` }, 1);
    }
    clock.ms += 1_000;
    budgets.spend({ ...other, id: "key:late" }, 1);
    assert.equal(budgets.remembered, 1);
    for (let count = 0; count < 20_000; count += 1) {
      budgets.spend({ ...other, id: `key:n${count}` }, 1);
    }
    clock.ms += 999;
    budgets.spend({ ...other, id: "key:later" }, 1);
    assert.equal(budgets.remembered, 20_002);
  });

  test("a batch costs its items", () => {
    assert.equal(costOf({ items: [1, 2, 3] }), 3);
    assert.equal(costOf({ items: [] }), 1);
    assert.equal(costOf({ tool: "x" }), 1);
  });
});

suite("a caller over its rate", () => {
  const check = { principal: { type: "user", id: "a" }, actors: [{ type: "agent", id: "b" }] };
  const call = { ...check, tool: { type: "tool", id: "t" } };
  const authorizer = { check: () => allowed, checkBatch: () => ({ items: [allowed], token: "" }) };

  test("is told when to come again, over gRPC", async () => {
    await using server = await serve({ authorizer }, { callerRateMax: 1 });
    using client = createClient({ address: server.grpcAddress });
    await client.authorization.check(call);
    const error = await client.authorization.check(call).then(
      () => undefined,
      (failure: unknown) => failure,
    );
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, "limit_exceeded");
    assert.ok(error.retriable);
    const { seconds = 0n, nanos = 0 } = error.detail?.retryAfter ?? {};
    assert.ok(Number(seconds) * 1_000 + nanos / 1e6 > 0);
  });

  test("is told over HTTP too, in a header and as google.rpc.RetryInfo", async () => {
    await using server = await serve({ authorizer }, { callerRateMax: 1 });
    const ask = () =>
      fetch(`${server.httpUrl}/prokura.v1.AuthorizationService/Check`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(call),
      });
    assert.equal((await ask()).status, 200);
    const refused = await ask();
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "1");
    const { details } = JSON.parse(await refused.text());
    assert.deepEqual(
      details.map(({ type }: { readonly type: string }) => type),
      ["prokura.v1.ErrorDetail", "google.rpc.RetryInfo"],
    );
  });

  test("has the message of a stream refused that it cannot pay for, and goes on", async () => {
    await using server = await serve({ authorizer }, { callerRateMax: 2 });
    using client = createClient({ address: server.grpcAddress });
    const messages = [1n, 2n, 3n].map((tag) => ({ tag, items: [call] }));
    const answers = await Array.fromAsync(client.authorization.streamCheck(messages));
    const codes = answers.toSorted((a, b) => Number(a.tag - b.tag)).map((one) => one.error?.code);
    assert.deepEqual(codes, [undefined, undefined, "limit_exceeded"]);
  });

  for (const grpcServer of ["own", "http2", "grpc-js"] as const) {
    test(`opens as many check streams as it may, and another when one is over, on ${grpcServer}`, async () => {
      await using server = await serve({ authorizer }, { callerInFlightMax: 1 }, grpcServer);
      using client = createClient({ address: server.grpcAddress });
      const end = Promise.withResolvers<void>();
      async function* asking() {
        yield { tag: 1n, items: [call] };
        await end.promise;
      }
      const stream = client.authorization.streamCheck(asking())[Symbol.asyncIterator]();
      assert.equal((await stream.next()).value?.error, undefined);
      const ask = () => Array.fromAsync(client.authorization.streamCheck([{ items: [call] }]));
      await assert.rejects(ask(), { code: "limit_exceeded" });
      end.resolve();
      assert.equal((await stream.next()).done, true);
      assert.equal((await ask()).length, 1);
    });
  }

  test("RetryInfo holds the time as a duration", () => {
    const error = new DomainError("limit_exceeded", "x", { retryAfterMs: 1_250 });
    const [{ value } = { value: new Uint8Array() }] = retryInfo(error);
    const reader = new BinaryReader(value);
    assert.deepEqual(reader.tag(), [1, 2]);
    const { seconds, nanos } = fromBinary(DurationSchema, reader.bytes());
    assert.deepEqual([seconds, nanos], [1n, 250_000_000]);
  });
});

function at(callerRateMax: number, callerInFlightMax = 1_000) {
  const clock = { ms: 1_000 };
  return {
    clock,
    budgets: new CallerBudgets({ callerRateMax, callerInFlightMax }, () => clock.ms),
  };
}

function retryAfterMs(ask: () => unknown): number | undefined {
  try {
    ask();
  } catch (error) {
    assert.ok(error instanceof DomainError);
    return error.facts.retryAfterMs;
  }
  return undefined;
}
