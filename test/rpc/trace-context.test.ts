import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { traceIdOf } from "../../src/rpc/trace-context.ts";
import type { RequestContext } from "../../src/service/request.ts";
import { allowed } from "./decisions.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { serve } from "./serving.ts";

const id = "4bf92f3577b34da6a3ce929d0e0e4736";
const header = `00-${id}-00f067aa0ba902b7-01`;
const call = {
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "bot" }],
  tool: { type: "tool", id: "send" },
};

suite("the client's trace", () => {
  test("is read where the header names one, and is none else", () => {
    assert.equal(traceIdOf(header), id);
    assert.equal(traceIdOf(`${header}-what-a-later-version-adds`), id);
    for (const none of [undefined, "", "00-xyz", header.replace(id, "0".repeat(32)), id]) {
      assert.equal(traceIdOf(none), undefined);
    }
  });

  test("reaches the use case with a check", async () => {
    const seen: (string | undefined)[] = [];
    const { authorizer } = refusingUseCases({});
    const check = (context: RequestContext) => {
      seen.push(context.traceId);
      return allowed;
    };
    await using server = await serve({ authorizer: { ...authorizer, check } });
    const url = `${server.httpUrl}/prokura.v1.AuthorizationService/Check`;
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(call),
      });
      assert.equal(response.status, 200);
    };
    await ask({ traceparent: header });
    await ask({});
    assert.deepEqual(seen, [id, undefined]);
  });
});
