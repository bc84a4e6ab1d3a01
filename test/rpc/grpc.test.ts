import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import type { Call } from "../../src/core/decision.ts";
import { DomainError } from "../../src/core/error.ts";
import { ErrorDetailSchema, type ErrorDetail } from "../../src/gen/prokura/v1/core_pb.ts";
import type { Authorizer } from "../../src/service/authorizer.ts";
import type { RequestContext } from "../../src/service/request.ts";
import { allowed, denied } from "./decisions.ts";
import { loadProtoFiles, PlainClient, sendBytes, type Plain } from "./plain-grpc.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { serve as serveOn, type TestServer } from "./serving.ts";

const protoFiles = loadProtoFiles();
const call: Plain = {
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "mailbot" }],
  tool: { type: "tool", id: "gmail/send" },
  accesses: [{ resource: { type: "mailbox", id: "alice" } }],
};

function authorizer(check: Authorizer["check"]): { readonly authorizer: Authorizer } {
  return {
    authorizer: {
      check,
      checkBatch: async (context, calls, options) => ({
        items: await Promise.all(calls.map(async (one) => await check(context, one, options))),
        token: "token",
      }),
    },
  };
}

function clientOf(server: TestServer, service = "AuthorizationService"): PlainClient {
  return new PlainClient(protoFiles, `prokura.v1.${service}`, server.grpcAddress);
}

for (const grpcServer of ["own", "http2", "grpc-js"] as const)
  suite(`gRPC on ${grpcServer}`, () => {
    const serve = (...[useCases, changed = {}]: Parameters<typeof serveOn>): Promise<TestServer> =>
      serveOn(useCases, changed, grpcServer);

    test("a client with the .proto files alone gets a decision", async () => {
      const asked: { context?: RequestContext; call?: Call } = {};
      await using server = await serve(
        authorizer((context, one) => {
          Object.assign(asked, { context, call: one });
          return allowed;
        }),
      );
      using client = clientOf(server);
      const answer = await client.unary("Check", call);
      assert.equal(answer["verdict"], "VERDICT_ALLOWED");
      assert.deepEqual(answer["delegation_ids"], ["d1", "d2"]);
      assert.deepEqual(answer["valid_until"], { seconds: "1900000000", nanos: 123_000_000 });
      assert.equal(asked.context?.tenant, "default");
      assert.deepEqual(asked.call?.actors, [{ type: "agent", id: "mailbot" }]);
    });

    test("a denial is an OK answer with its reason", async () => {
      await using server = await serve(authorizer(async () => denied));
      using client = clientOf(server);
      const answer = await client.unary("Check", call);
      assert.equal(answer["verdict"], "VERDICT_DENIED");
      assert.equal(answer["reason"], "REASON_CONTEXT_MISSING");
      assert.deepEqual(answer["missing_context"], ["amount"]);
    });

    test("an error carries its code in a trailer and whole in the status details", async () => {
      await using server = await serve(
        authorizer(() => {
          throw new DomainError("not_enforced", "two nodes have not confirmed", { token: "t1" });
        }),
      );
      using client = clientOf(server);
      const error = await failure(client.unary("Check", call));
      assert.equal(error.code, status.ABORTED);
      assert.equal(error.details, "two nodes have not confirmed");
      assert.deepEqual(error.metadata.get("prokura-code"), ["not_enforced"]);
      const detail = detailOf(error);
      assert.equal(detail.code, "not_enforced");
      assert.equal(detail.token, "t1");
    });

    test("what is no domain error is told as an internal error, and logged whole", async () => {
      await using server = await serve(
        authorizer(() => {
          throw new Error("the secret is 42");
        }),
      );
      using client = clientOf(server);
      const error = await failure(client.unary("Check", call));
      assert.equal(error.code, status.INTERNAL);
      assert.equal(error.details, "internal error");
      assert.match(server.logged.join(""), /the secret is 42/);
    });

    test("what a user wrote cannot break the line that tells of it", async () => {
      await using server = await serve(authorizer(() => allowed));
      using client = clientOf(server);
      const context = { fields: { "a\nb: c": { bool_value: true } } };
      const access = { resource: { type: "mailbox", id: "alice" }, context };
      const error = await failure(client.unary("Check", { ...call, context, accesses: [access] }));
      assert.equal(error.code, status.INVALID_ARGUMENT);
      assert.match(
        error.details,
        /^accesses\[0\]\.context\.a\?b: c stands in the context of the call/,
      );
    });

    test("bytes that are no message are malformed", async () => {
      await using server = await serve({});
      const path = "/prokura.v1.AuthorizationService/Check";
      const error = await failure(sendBytes(server.grpcAddress, path, Buffer.from([0xff, 0xff])));
      assert.equal(error.code, status.INVALID_ARGUMENT);
      assert.deepEqual(error.metadata.get("prokura-code"), ["malformed"]);
    });

    test("a message over the limit is refused, and the server goes on", async () => {
      await using server = await serve(
        authorizer(() => allowed),
        { messageBytesMax: 10_000 },
      );
      using client = clientOf(server);
      const large = { ...call, delegation_id: "x".repeat(20_000) };
      const error = await failure(client.unary("Check", large));
      assert.equal(error.code, status.RESOURCE_EXHAUSTED);
      assert.equal((await client.unary("Check", call))["verdict"], "VERDICT_ALLOWED");
    });

    test("a deadline reaches the use case and aborts its signal", async () => {
      const aborted = Promise.withResolvers<unknown>();
      let left: number | undefined;
      await using server = await serve(
        authorizer(async (context) => {
          left = context.deadlineMs;
          await once(context.signal, "abort");
          aborted.resolve(context.signal.reason);
          throw context.signal.reason;
        }),
      );
      using client = clientOf(server);
      const options = { deadline: Date.now() + 100 };
      const error = await failure(client.unary("Check", call, new Metadata(), options));
      assert.equal(error.code, status.DEADLINE_EXCEEDED);
      const reason = await aborted.promise;
      assert(reason instanceof DomainError);
      assert.equal(reason.code, "deadline_exceeded");
      assert(left !== undefined && left <= 100);
    });

    test("more requests on one connection than its limit are refused with a clear error", async () => {
      const hold = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      let count = 0;
      await using server = await serve(
        authorizer(async () => {
          count += 1;
          if (count === 2) arrived.resolve();
          await hold.promise;
          return allowed;
        }),
        { inFlightPerConnectionMax: 2 },
      );
      using client = clientOf(server);
      const held = [client.unary("Check", call), client.unary("Check", call)];
      await arrived.promise;
      const error = await failure(client.unary("Check", call));
      assert.equal(error.code, status.RESOURCE_EXHAUSTED);
      assert.deepEqual(error.metadata.get("prokura-code"), ["limit_exceeded"]);
      hold.resolve();
      await Promise.all(held);
      assert.equal((await client.unary("Check", call))["verdict"], "VERDICT_ALLOWED");
    });

    test("a check stream answers by tag, and a bad message ends nothing", async () => {
      await using server = await serve(authorizer(async () => allowed));
      using client = clientOf(server);
      const stream = client.duplex("StreamCheck");
      const answers: Plain[] = [];
      stream.on("data", (answer: Plain) => answers.push(answer));
      for (let tag = 1; tag <= 200; tag += 1) {
        stream.write({
          tag: String(tag),
          items: tag % 10 === 0 ? [] : [call, { ...call, tool: {} }],
        });
      }
      stream.end();
      await once(stream, "end");
      assert.equal(answers.length, 200);
      assert.equal(new Set(answers.map((answer) => answer["tag"])).size, 200);
      const bad = answers.find((answer) => answer["tag"] === "10");
      assert.match(JSON.stringify(bad), /"code":"malformed".*"field":"items"/);
      const good = JSON.stringify(answers.find((answer) => answer["tag"] === "11"));
      assert.match(good, /VERDICT_ALLOWED.*"field":"items\[1\]\.tool\.type"/);
    });

    test("a check stream reads no more than it may work on", async () => {
      const hold = Promise.withResolvers<void>();
      let asked = 0;
      await using server = await serve(
        authorizer(async () => {
          asked += 1;
          await hold.promise;
          return allowed;
        }),
      );
      using client = clientOf(server);
      const stream = client.duplex("StreamCheck");
      let answered = 0;
      const first = Promise.withResolvers<void>();
      stream.on("data", () => {
        answered += 1;
        first.resolve();
      });
      for (let tag = 1; tag <= 500; tag += 1) stream.write({ tag: String(tag), items: [call] });
      stream.end();
      // Another call on the same connection is answered after what the stream had sent was read.
      await failure(client.unary("Expand", {}));
      assert(asked <= 64, `asked ${asked} at a time`);
      hold.resolve();
      await once(stream, "end");
      assert.equal(answered, 500);
    });

    test("a watch ends with UNAVAILABLE when the server stops", async () => {
      const { tools } = refusingUseCases({});
      const server = await serve({
        tools: {
          ...tools,
          watchTools: async function* (context) {
            yield { token: "t1" };
            await once(context.signal, "abort");
            throw context.signal.reason;
          },
        },
      });
      using client = clientOf(server);
      const stream = client.serverStream("WatchTools", call);
      const [event] = await once(stream, "data");
      assert.equal(event.token, "t1");
      const ended = once(stream, "error");
      await server.rpc.close(5_000);
      const [error] = await ended;
      assert.equal(error.code, status.UNAVAILABLE);
      assert.deepEqual(error.metadata.get("prokura-code"), ["not_serving"]);
    });

    test("a call under way is answered while the server stops", async () => {
      const hold = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      const server = await serve(
        authorizer(async () => {
          arrived.resolve();
          await hold.promise;
          return allowed;
        }),
      );
      using client = clientOf(server);
      const answer = client.unary("Check", call);
      await arrived.promise;
      const closed = server.rpc.close(20_000);
      hold.resolve();
      assert.equal((await answer)["verdict"], "VERDICT_ALLOWED");
      await closed;
    });

    test("a call that outlasts the grace is cut", async () => {
      const arrived = Promise.withResolvers<void>();
      const server = await serve(
        authorizer(async (context) => {
          arrived.resolve();
          await once(context.signal, "abort");
          throw context.signal.reason;
        }),
      );
      using client = clientOf(server);
      const failed = failure(client.unary("Check", call));
      await arrived.promise;
      await server.rpc.close(10);
      assert.notEqual((await failed).code, status.OK);
    });

    test("a client that leaves a watch aborts it", async () => {
      const left = Promise.withResolvers<void>();
      const { tools } = refusingUseCases({});
      await using server = await serve({
        tools: {
          ...tools,
          watchTools: async function* (context) {
            yield { token: "t1" };
            await once(context.signal, "abort");
            left.resolve();
          },
        },
      });
      using client = clientOf(server);
      const stream = client.serverStream("WatchTools", call);
      await once(stream, "data");
      stream.on("error", () => {});
      stream.cancel();
      await left.promise;
    });

    test("an import is read chunk by chunk", async () => {
      const { tuples } = refusingUseCases({});
      const cursors: string[] = [];
      await using server = await serve({
        tuples: {
          ...tuples,
          import: async (_context, chunks) => {
            let imported = 0;
            for await (const chunk of chunks) {
              cursors.push(chunk.cursor);
              imported += chunk.tuples.length;
            }
            const { timeline, revision } = allowed;
            const result = {
              token: "t",
              timeline,
              revision,
              enforced: true,
              nodesAcknowledged: 1,
              waitedMs: 1.5,
            };
            return { imported, cursor: cursors.at(-1) ?? "", result };
          },
        },
      });
      using client = clientOf(server, "TupleService");
      const object = { type: "folder", id: "f" };
      const tuple = { object, relation: "viewer", subject: { wildcard: { type: "user" } } };
      const chunks = ["a", "b", "c"].map((cursor) => ({ tuples: [tuple], cursor }));
      const answer = await client.clientStream("ImportTuples", chunks);
      assert.deepEqual(cursors, ["a", "b", "c"]);
      assert.equal(answer["imported_count"], "3");
      assert.deepEqual(answer["result"], {
        token: "t",
        nodes_acknowledged: 1,
        waited: { nanos: 1_500_000 },
        enforced: true,
      });
    });
  });

async function failure(outcome: Promise<unknown>): Promise<ServiceError> {
  try {
    await outcome;
  } catch (error) {
    assert(isServiceError(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "the call succeeded" });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error;
}

/** Reads `google.rpc.Status` as its specification has it. */
function detailOf(error: ServiceError): ErrorDetail {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  assert(bytes instanceof Buffer);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 3) {
      const any = fromBinary(AnySchema, reader.bytes());
      assert.equal(any.typeUrl, "type.googleapis.com/prokura.v1.ErrorDetail");
      return fromBinary(ErrorDetailSchema, any.value);
    }
    reader.skip(wireType, field);
  }
  throw new assert.AssertionError({ message: "no detail" });
}
