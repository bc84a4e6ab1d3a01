import assert from "node:assert/strict";
import { connect } from "node:http2";
import { suite, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { DomainError } from "../../src/core/error.ts";
import type { WireStatus } from "../../src/rpc/http2-status.ts";
import { Overdue, type Awaited } from "../../src/rpc/overdue.ts";
import { allowed } from "./decisions.ts";
import { serve } from "./serving.ts";

class Call implements Awaited {
  isOver = false;
  isWhole = false;
  readonly failures: WireStatus[] = [];
  #listener: (() => void) | undefined;

  fail(status: WireStatus): void {
    this.failures.push(status);
    this.end();
  }

  whenOver(listener: () => void): void {
    this.#listener = listener;
  }

  end(): void {
    this.isOver = true;
    this.#listener?.();
  }
}

suite("Overdue", () => {
  test("ends a call whose message does not come, and no other", (context) => {
    context.mock.timers.enable({ apis: ["setInterval"] });
    const overdue = new Overdue();
    const [late, whole, over] = [new Call(), new Call(), new Call()];
    for (const call of [late, whole, over]) overdue.watch(call);
    whole.isWhole = true;
    over.end();
    context.mock.timers.tick(20_000);
    assert.deepEqual(late.failures, []);
    const young = new Call();
    overdue.watch(young);
    context.mock.timers.tick(20_000);
    assert.deepEqual(
      late.failures.map(({ status }) => status),
      [Code.DeadlineExceeded],
    );
    for (const call of [whole, over, young]) assert.deepEqual(call.failures, []);
    overdue.stop();
  });
});

suite("a call without its message", () => {
  for (const grpcServer of ["own", "http2"] as const) {
    test(`holds nothing where nobody is let in, on ${grpcServer}`, async () => {
      const verifyCredential = () => {
        throw new DomainError("unauthenticated", "nobody");
      };
      const authorizer = { check: () => allowed, checkBatch: () => ({ items: [], token: "" }) };
      await using server = await serve({ authorizer, verifyCredential }, {}, grpcServer);
      const session = connect(`http://${server.grpcAddress}`);
      const stream = session.request({
        ":method": "POST",
        ":path": "/prokura.v1.AuthorizationService/Check",
        "content-type": "application/grpc",
        te: "trailers",
        authorization: "Bearer bad",
      });
      const [headers] = await new Promise<[Record<string, unknown>]>((resolve) =>
        stream.once("response", (received) => resolve([received])),
      );
      assert.equal(headers["grpc-status"], String(Code.Unauthenticated));
      session.destroy();
    });
  }
});
