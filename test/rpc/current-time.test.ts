import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { createClient } from "../../src/client/client.ts";
import { askGrpc, askHttp, AskError, type Ask } from "./asking.ts";
import { loadProtoFiles, type Plain } from "./plain-grpc.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { serve, type TestServer } from "./serving.ts";

const timed = { current_time: "1970-01-01T00:00:00Z" };
const struct = { fields: { current_time: { string_value: timed.current_time } } };

const alice = { type: "user", id: "alice" };
const doc = { type: "document", id: "plan" };
const parties = { principal: alice, actors: [{ type: "agent", id: "mailbot" }] };
const call = { ...parties, tool: { type: "tool", id: "read" } };
const relation = { object: doc, relation: "viewer" };

/** Every request that brings parameters of conditions, with the clock among them. */
const requests = (context: Plain): readonly (readonly [string, string, Plain])[] => [
  ["Check", "context.current_time", { ...call, context }],
  [
    "Check",
    "accesses[0].context.current_time",
    { ...call, accesses: [{ resource: doc, context }] },
  ],
  ["CheckRelation", "context.current_time", { ...relation, subject: { object: alice }, context }],
  [
    "ListObjects",
    "context.current_time",
    { type: "document", relation: "viewer", subject: { object: alice }, context },
  ],
  ["ListSubjects", "context.current_time", { ...relation, subject_type: "user", context }],
  ["ListTools", "context.current_time", { ...parties, context }],
];

suite("the clock of the server", () => {
  let server: TestServer;
  before(async () => {
    // No use case is reached: each would say `not_supported`.
    server = await serve(refusingUseCases({}));
  });
  after(async () => server[Symbol.asyncDispose]());

  const asks: readonly (readonly [string, Plain, () => Ask])[] = [
    ["JSON over HTTP", timed, () => askHttp(server.httpUrl)],
    ["gRPC", struct, () => askGrpc(loadProtoFiles(), server.grpcAddress)],
  ];
  for (const [transport, context, connect] of asks) {
    for (const [method, field, request] of requests(context)) {
      test(`is not set by a ${method} over ${transport} in ${field}`, async () => {
        await assert.rejects(connect()("AuthorizationService", method, request), (error) => {
          assert.ok(error instanceof AskError);
          assert.equal(error.code, "malformed");
          assert.match(error.message, /is the server's own and must not be given/);
          return true;
        });
      });
    }

    test(`is not set by one of a batch over ${transport}`, async () => {
      const items = [{ ...call, context }];
      const answer = await connect()("AuthorizationService", "BatchCheck", { items });
      assert.match(
        JSON.stringify(answer["results"]),
        /malformed.*is the server's own and must not be given/,
      );
    });
  }

  test("is not set by one of a stream", async () => {
    using client = createClient({ address: server.grpcAddress });
    const items = [{ ...call, context: timed }];
    const questions = [{ tag: 1n, items }];
    const answers = await Array.fromAsync(client.authorization.streamCheck(questions));
    const said = answers.flatMap(({ results }) => results.map(({ result }) => result));
    assert.equal(said.length, 1);
    assert.ok(said[0]?.case === "error", JSON.stringify(said));
    assert.equal(said[0].value.code, "malformed");
    assert.match(said[0].value.message, /is the server's own and must not be given/);
  });
});
