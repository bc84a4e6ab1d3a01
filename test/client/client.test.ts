import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { ApiError } from "../../src/client/api-error.ts";
import { createClient, type Client } from "../../src/client/client.ts";
import { decisionFromProto } from "../../src/client/decision.ts";
import {
  AuthorizationService,
  CheckResponseSchema,
  Reason,
  Verdict,
  type CheckRequest,
  type StreamCheckRequest,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { ErrorDetailSchema } from "../../src/gen/prokura/v1/core_pb.ts";
import { TupleService, type ImportTuplesRequest } from "../../src/gen/prokura/v1/tuple_pb.ts";
import { definitionOf } from "../gateway/support/authorization-server.ts";

type Unary = ServerUnaryCall<CheckRequest, object>;

suite("createClient", () => {
  test("sends what it is given and reads what comes back", async () => {
    await using scene = await serve({
      check: (call: Unary, callback: sendUnaryData<object>) => {
        assert.deepEqual(call.request.context, { to: "bob", n: [1, null] });
        callback(null, {
          decisionId: `${call.request.principal?.id}-${call.request.actors.length}`,
        });
      },
    });
    const response = await scene.client.authorization.check({
      principal: { type: "user", id: "alice" },
      actors: [{ type: "agent", id: "a" }],
      context: { to: "bob", n: [1, null] },
    });
    assert.equal(response.decisionId, "alice-1");
  });

  test("throws the code of the detail, which may be newer than the client", async () => {
    const detail = { code: "quota_of_tomorrow", message: "too much", field: "accesses[2].role" };
    await using scene = await serve({
      check: failing(status.RESOURCE_EXHAUSTED, statusDetails(detail)),
    });
    const error = await failure(scene.client.authorization.check({}));
    assert.equal(error.code, "quota_of_tomorrow");
    assert.equal(error.message, "too much");
    assert.equal(error.detail?.field, "accesses[2].role");
  });

  test("takes the code of the trailer, or of the status, where there is no detail", async () => {
    const trailer = new Metadata();
    trailer.set("prokura-code", "revision_ahead");
    const broken = new Metadata();
    broken.set("grpc-status-details-bin", Buffer.from([0xff, 0xff, 0xff]));
    for (const [metadata, code, wire] of [
      [trailer, "revision_ahead", status.UNAVAILABLE],
      [broken, "not_serving", status.UNAVAILABLE],
      [new Metadata(), "internal", status.DATA_LOSS],
    ] as const) {
      await using scene = await serve({ check: failing(wire, metadata) });
      const error = await failure(scene.client.authorization.check({}));
      assert.equal(error.code, code);
      assert.equal(error.retriable, code !== "internal");
    }
  });

  test("gives up at the deadline and says that the answer is not known", async () => {
    await using scene = await serve({ check: () => undefined });
    const error = await failure(scene.client.authorization.check({}, { deadlineMs: 20 }));
    assert.equal(error.code, "deadline_exceeded");
    assert.equal(error.retriable, true);
  });

  test("cancels the call on the server when the signal aborts", async () => {
    const arrived = Promise.withResolvers<Unary>();
    await using scene = await serve({ check: (call: Unary) => arrived.resolve(call) });
    const abort = new AbortController();
    const answer = failure(scene.client.authorization.check({}, { signal: abort.signal }));
    const call = await arrived.promise;
    const cancelled = once(call, "cancelled");
    abort.abort();
    assert.equal((await answer).code, "cancelled");
    await cancelled;
    const late = scene.client.authorization.check({}, { signal: abort.signal });
    assert.equal((await failure(late)).code, "cancelled");
  });

  test("says not_serving where nobody listens", async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const address = probe.address();
    assert.ok(typeof address === "object" && address !== null);
    probe.close();
    using client = createClient({ address: `127.0.0.1:${address.port}` });
    const error = await failure(client.authorization.check({}));
    assert.equal(error.code, "not_serving");
    assert.equal(error.retriable, true);
  });

  test("cancels a stream of answers that is left early", async () => {
    const cancelled = Promise.withResolvers<void>();
    await using scene = await serve({
      watchTools: (call: ServerWritableStream<object, object>) => {
        call.on("cancelled", () => cancelled.resolve());
        for (const token of ["t1", "t2", "t3"]) call.write({ token });
      },
    });
    const tokens: string[] = [];
    for await (const { token } of scene.client.authorization.watchTools({})) {
      tokens.push(token);
      if (tokens.length === 2) break;
    }
    assert.deepEqual(tokens, ["t1", "t2"]);
    await cancelled.promise;
  });

  test("ends a stream of answers with the error that the server ended it with", async () => {
    await using scene = await serve({
      watchTools: (call: ServerWritableStream<object, object>) => {
        call.write({ token: "t1" });
        const metadata = statusDetails({ code: "not_serving", message: "stopping" });
        call.emit("error", { code: status.UNAVAILABLE, metadata });
      },
    });
    const tokens: string[] = [];
    const error = await failure(
      (async () => {
        for await (const { token } of scene.client.authorization.watchTools({})) tokens.push(token);
      })(),
    );
    assert.deepEqual([tokens, error.code], [["t1"], "not_serving"]);
  });

  test("sends a stream of requests and reads the one answer", async () => {
    await using scene = await serve({
      importTuples: (
        call: ServerReadableStream<ImportTuplesRequest, object>,
        callback: sendUnaryData<object>,
      ) => {
        let cursor = "";
        call.on("data", (request: ImportTuplesRequest) => (cursor += request.cursor));
        call.on("end", () => callback(null, { cursor }));
      },
    });
    const response = await scene.client.tuple.importTuples([{ cursor: "a" }, { cursor: "b" }]);
    assert.equal(response.cursor, "ab");
  });

  test("fails a stream of requests where their source fails, or the server does", async () => {
    await using scene = await serve({
      importTuples: (_: unknown, callback: sendUnaryData<object>) => {
        const metadata = statusDetails({ code: "limit_exceeded", message: "over" });
        callback({ code: status.RESOURCE_EXHAUSTED, metadata });
      },
    });
    const endless = async function* (): AsyncGenerator<object> {
      for (;;) yield { cursor: await Promise.resolve("x".repeat(10_000)) };
    };
    assert.equal(
      (await failure(scene.client.tuple.importTuples(endless()))).code,
      "limit_exceeded",
    );
    const broken = async function* (): AsyncGenerator<object> {
      yield {};
      throw new RangeError("the file ended");
    };
    await assert.rejects(scene.client.tuple.importTuples(broken()));
  });

  test("answers by tag on a stream in both directions", async () => {
    await using scene = await serve({
      streamCheck: (call: ServerDuplexStream<StreamCheckRequest, object>) => {
        call.on("data", ({ tag }: StreamCheckRequest) => call.write({ tag }));
        call.on("end", () => call.end());
      },
    });
    const requests = Array.from({ length: 2_000 }, (_, tag) => ({ tag: BigInt(tag) }));
    const tags: bigint[] = [];
    for await (const { tag } of scene.client.authorization.streamCheck(requests)) tags.push(tag);
    assert.deepEqual(
      tags,
      requests.map(({ tag }) => tag),
    );
  });
});

suite("decisionFromProto", () => {
  test("allows only what is allowed without obligations", () => {
    const kinds = [
      { verdict: Verdict.ALLOWED },
      { verdict: Verdict.ALLOWED, obligations: [{ kind: "approval" }] },
      { verdict: Verdict.DENIED, reason: Reason.SPLIT_COVERAGE },
      { verdict: Verdict.UNSPECIFIED },
    ].map((init) => {
      const decision = decisionFromProto(create(CheckResponseSchema, init));
      return decision.kind === "denied" ? decision.reason : decision.kind;
    });
    assert.deepEqual(kinds, ["allowed", "obligation_unknown", "split_coverage", "unspecified"]);
  });
});

interface Scene extends AsyncDisposable {
  readonly client: Client;
}

async function serve(handlers: UntypedServiceImplementation): Promise<Scene> {
  const server = new Server();
  const methods = [...AuthorizationService.methods, ...TupleService.methods];
  server.addService(
    definitionOf(methods.filter(({ localName }) => localName in handlers)),
    handlers,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = createClient({ address: `127.0.0.1:${port}` });
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      server.forceShutdown();
    },
  };
}

function failing(
  code: status,
  metadata: Metadata,
): (call: Unary, callback: sendUnaryData<object>) => void {
  return (_, callback) => callback({ code, details: "as the status says", metadata });
}

/** `google.rpc.Status` with two details, of which only the second is ours. */
function statusDetails(detail: object): Metadata {
  const ours = toBinary(ErrorDetailSchema, create(ErrorDetailSchema, detail));
  const any = (type: string, value: Uint8Array): Uint8Array =>
    new BinaryWriter().uint32(10).string(type).uint32(18).bytes(value).finish();
  const message = new BinaryWriter()
    .uint32(8)
    .int32(8)
    .uint32(26)
    .bytes(any("type.googleapis.com/google.rpc.RetryInfo", new Uint8Array()))
    .uint32(26)
    .bytes(any("type.googleapis.com/prokura.v1.ErrorDetail", ours))
    .finish();
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(message));
  return metadata;
}

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => assert.fail("it was answered"),
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof ApiError, String(error));
  return error;
}
