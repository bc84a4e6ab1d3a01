import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { suite, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { DomainError } from "../../src/core/error.ts";
import { AuthorizationService } from "../../src/gen/prokura/v1/authorization_pb.ts";
import { ErrorDetailSchema } from "../../src/gen/prokura/v1/core_pb.ts";
import type { Authorizer } from "../../src/service/authorizer.ts";
import { allowed, denied } from "./decisions.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { serve, type TestServer } from "./serving.ts";

const path = "/prokura.v1.AuthorizationService/Check";
const body = JSON.stringify({
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "mailbot" }],
  tool: { type: "tool", id: "gmail/send" },
  accesses: [{ resource: { type: "mailbox", id: "alice" } }],
});

function checking(check: Authorizer["check"]): { readonly authorizer: Authorizer } {
  return { authorizer: { ...refusingUseCases({}).authorizer, check } };
}

async function post(
  server: TestServer,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return await fetch(`${server.httpUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text,
  });
}

suite("Connect over HTTP", () => {
  test("a plain fetch with JSON gets a decision that nobody may keep", async () => {
    await using server = await serve(checking(() => allowed));
    const response = await post(server, body);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("access-control-allow-origin"), null);
    const answer: unknown = await response.json();
    assert.deepEqual(answer, {
      verdict: "VERDICT_ALLOWED",
      delegationIds: ["d1", "d2"],
      token: "MSAwMDAwMDAwMSA3IGRlZmF1bHQ",
      validUntil: "2030-03-17T17:46:40.123Z",
      decisionId: "decision-1",
      modelId: "m1",
    });
  });

  test("a Connect client gets an error with its detail", async () => {
    await using server = await serve(
      checking(async () => {
        throw new DomainError("budget_exceeded", "over 64 deep", { hint: "flatten the groups" });
      }),
    );
    const transport = createConnectTransport({ baseUrl: server.httpUrl, httpVersion: "1.1" });
    const client = createClient(AuthorizationService, transport);
    await assert.rejects(client.check(JSON.parse(body)), (error) => {
      assert(error instanceof Error && "findDetails" in error && "metadata" in error);
      assert.match(error.message, /\[resource_exhausted\] over 64 deep/);
      assert(typeof error.findDetails === "function");
      const [detail] = error.findDetails(ErrorDetailSchema);
      assert.equal(detail.code, "budget_exceeded");
      assert.equal(detail.hint, "flatten the groups");
      return true;
    });
  });

  test("a gRPC-Web client gets a decision, and a stream its error", async () => {
    const { tools } = refusingUseCases({});
    await using server = await serve({
      ...checking(() => denied),
      tools: {
        ...tools,
        watchTools: async function* () {
          yield { token: "t1" };
          throw new DomainError("revision_expired", "too old");
        },
      },
    });
    const transport = createGrpcWebTransport({ baseUrl: server.httpUrl, httpVersion: "1.1" });
    const client = createClient(AuthorizationService, transport);
    const answer = await client.check(JSON.parse(body));
    assert.deepEqual(answer.missingContext, ["amount"]);
    const events: string[] = [];
    await assert.rejects(async () => {
      const { principal, actors } = JSON.parse(body);
      for await (const event of client.watchTools({ principal, actors })) events.push(event.token);
    }, /\[out_of_range\] too old/);
    assert.deepEqual(events, ["t1"]);
  });

  test("a deadline in the header ends the call", async () => {
    await using server = await serve(
      checking(async (context) => {
        await once(context.signal, "abort");
        throw context.signal.reason;
      }),
    );
    const response = await post(server, body, { "connect-timeout-ms": "50" });
    assert.equal(response.status, 504);
    assert.equal(response.headers.get("prokura-code"), "deadline_exceeded");
  });

  test("a client that leaves cancels the call", async () => {
    const left = Promise.withResolvers<unknown>();
    const arrived = Promise.withResolvers<void>();
    await using server = await serve(
      checking(async (context) => {
        arrived.resolve();
        await once(context.signal, "abort");
        left.resolve(context.signal.reason);
        throw context.signal.reason;
      }),
    );
    const leaving = new AbortController();
    const url = `${server.httpUrl}${path}`;
    const headers = { "content-type": "application/json" };
    const sent = fetch(url, { method: "POST", headers, body, signal: leaving.signal });
    await arrived.promise;
    leaving.abort();
    await assert.rejects(sent);
    const reason = await left.promise;
    assert(reason instanceof DomainError && reason.code === "cancelled");
  });

  test("what no message may be is refused with a code, and the server goes on", async () => {
    await using server = await serve(
      checking(() => allowed),
      { messageBytesMax: 300_000 },
    );
    const deep = `{"context":{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}}`;
    const bad: readonly (readonly [string, number, string])[] = [
      ["", 400, "malformed"],
      ["{", 400, "malformed"],
      ["[]", 400, "malformed"],
      ["null", 400, "malformed"],
      ['{"tenant":1}', 400, "malformed"],
      ['{"acceses":[]}', 400, "malformed"],
      ['{"tenant":"no such Tenant"}', 400, "malformed"],
      ['{"tenant":"\\ud800"}', 400, "malformed"],
      [deep, 400, "malformed"],
      [body.replace("mailbot", "mail\\u0000bot"), 400, "malformed"],
      [body.replace("mailbot", "*"), 400, "malformed"],
      [body.replace("mailbot", "m".repeat(513)), 400, "malformed"],
      [body.replace('"agent"', '"a gent"'), 400, "malformed"],
      [body.replace('"tool"', '"Tool"'), 400, "malformed"],
      [body.replace("{", '{"context":{"current_time":"2026-01-01T00:00:00Z"},'), 400, "malformed"],
      [body.replace("{", '{"mode":"MODE_SHADOW",'), 501, "not_supported"],
      [body.replace("{", `{"context":{"a":"${"x".repeat(66_000)}"},`), 429, "limit_exceeded"],
      [`{"tenant":"${"x".repeat(400_000)}"}`, 413, "limit_exceeded"],
    ];
    for (const [text, status, code] of bad) {
      const response = await post(server, text);
      const shown = `${text.slice(0, 80)}: ${await response.text()}`;
      assert.equal(response.status, status, shown);
      assert.equal(response.headers.get("prokura-code"), code, shown);
    }
    assert.equal((await post(server, body)).status, 200);
  });

  test("bytes that are no UTF-8 are refused, not replaced", async () => {
    await using server = await serve(checking(() => allowed));
    const [start = "", end = ""] = body.split("mailbot");
    const bytes = Buffer.concat([Buffer.from(start), Buffer.from([0xff]), Buffer.from(end)]);
    const response = await fetch(`${server.httpUrl}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: bytes,
    });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("prokura-code"), "malformed");
  });

  test("a body without a length is cut off at the limit", async () => {
    await using server = await serve(
      checking(() => allowed),
      { messageBytesMax: 2000 },
    );
    const call = request(`${server.httpUrl}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
    });
    call.on("error", () => {});
    const answered = once(call, "response");
    call.write("x".repeat(5000));
    const [response] = await answered;
    assert.equal(response.statusCode, 413);
    call.destroy();
  });

  test("only POST reaches a method", async () => {
    await using server = await serve(checking(() => allowed));
    assert.equal((await fetch(`${server.httpUrl}${path}`)).status, 405);
    assert.equal((await fetch(`${server.httpUrl}${path}`, { method: "OPTIONS" })).status, 405);
    const unknown = `${server.httpUrl}/prokura.v1.AuthorizationService/No`;
    assert.equal((await fetch(unknown, { method: "POST" })).status, 404);
  });

  test("health, readiness and metrics are pages", async () => {
    await using server = await serve(checking(() => allowed));
    assert.equal((await fetch(`${server.httpUrl}/healthz`)).status, 200);
    assert.equal((await fetch(`${server.httpUrl}/readyz`)).status, 503);
    server.setServing(true);
    assert.equal((await fetch(`${server.httpUrl}/readyz`)).status, 200);
    await (await post(server, body)).text();
    const metrics = await (await fetch(`${server.httpUrl}/metrics`)).text();
    assert.match(
      metrics,
      /^prokura_requests_total\{method="\/prokura[^"]+Check",status="ok"\} 1$/m,
    );
    assert.match(metrics, /^prokura_replica_polls 3$/m);
    assert.match(metrics, /^nodejs_eventloop_lag_seconds /m);
  });
});
