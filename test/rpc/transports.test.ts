import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { DomainError } from "../../src/core/error.ts";
import { CheckRequestSchema } from "../../src/gen/prokura/v1/authorization_pb.ts";
import type { GrpcServer, UseCases } from "../../src/rpc/server.ts";
import { allowed } from "./decisions.ts";
import { loadProtoFiles, PlainClient, type Plain } from "./plain-grpc.ts";
import { RawClient, type RawAnswer } from "./raw-http2.ts";
import { refusingUseCases } from "./refusing-use-cases.ts";
import { serve, type TestServer } from "./serving.ts";

const service = "/prokura.v1.AuthorizationService";
const call = {
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "mailbot" }],
  tool: { type: "tool", id: "gmail/send" },
  accesses: [{ resource: { type: "mailbox", id: "alice" } }],
};
const message = Buffer.from(toBinary(CheckRequestSchema, create(CheckRequestSchema, call)));
const messageBytesMax = 20_000;

/** What is sent, headers beside the path first. */
type Sent = readonly [Readonly<Record<string, string>>, readonly Buffer[]];

const cases: Readonly<Record<string, Sent>> = {
  "a call": [{}, [frame(message)]],
  "a call in pieces of one byte": [{}, [...frame(message)].map((byte) => Buffer.from([byte]))],
  "a path that nobody serves": [{ ":path": `${service}/Chek` }, [frame(message)]],
  "no gRPC": [{ "content-type": "application/json" }, [frame(message)]],
  "another subtype": [{ "content-type": "application/grpc+proto" }, [frame(message)]],
  "no message": [{}, []],
  "two messages": [{}, [frame(message), frame(message)]],
  "half a message": [{}, [frame(message).subarray(0, 20)]],
  "half a length": [{}, [Buffer.from([0, 0, 0])]],
  "an empty message": [{}, [frame(Buffer.alloc(0))]],
  "bytes that are no message": [{}, [frame(Buffer.from([0xff, 0xff]))]],
  "text that is no UTF-8": [{}, [frame(Buffer.from([0x0a, 1, 0xff]))]],
  "a message over the limit": [{}, [frame(Buffer.alloc(messageBytesMax + 1))]],
  "a length over the limit": [{}, [Buffer.from([0, 0xff, 0xff, 0xff, 0xff])]],
  "a message compressed by gzip": [{ "grpc-encoding": "gzip" }, [frame(gzipSync(message), 1)]],
  "a message compressed by deflate": [
    { "grpc-encoding": "deflate" },
    [frame(deflateSync(message), 1)],
  ],
  "a message not compressed, where it might be": [{ "grpc-encoding": "gzip" }, [frame(message)]],
  "a message compressed by nobody": [{}, [frame(message, 1)]],
  "an unknown compression": [{ "grpc-encoding": "br" }, [frame(message, 1)]],
  "what is not compressed, but said to be": [{ "grpc-encoding": "gzip" }, [frame(message, 1)]],
  "a small message that becomes large": [
    { "grpc-encoding": "gzip" },
    [frame(gzipSync(Buffer.alloc(messageBytesMax * 10)), 1)],
  ],
  "a deadline": [{ "grpc-timeout": "10S" }, [frame(message)]],
  "a deadline that is over": [{ "grpc-timeout": "0m" }, []],
  "a deadline that is none": [{ "grpc-timeout": "soon" }, [frame(message)]],
  "a stream of one message": [{ ":path": `${service}/StreamCheck` }, [frame(Buffer.from([32, 7]))]],
  "a stream of nothing": [{ ":path": `${service}/StreamCheck` }, []],
  "a stream with bytes that are no message": [
    { ":path": `${service}/StreamCheck` },
    [frame(Buffer.from([32, 7])), frame(Buffer.from([0xff]))],
  ],
  "a stream over the limit": [
    { ":path": `${service}/StreamCheck` },
    [frame(Buffer.alloc(messageBytesMax + 1))],
  ],
  "a stream with a compressed message between others": [
    { ":path": `${service}/StreamCheck`, "grpc-encoding": "gzip" },
    [
      frame(Buffer.from([32, 1])),
      frame(gzipSync(Buffer.from([32, 2])), 1),
      frame(Buffer.from([32, 3])),
    ],
  ],
  "a use case that fails": [{ ":path": `${service}/Expand` }, [frame(Buffer.alloc(0))]],
};

for (const stack of ["own", "http2"] as const)
  suite(`gRPC on ${stack} and on grpc-js`, () => {
    for (const [name, [headers, chunks]] of Object.entries(cases)) {
      test(`${name}: both answer the same`, async () => {
        const [first, second] = await both(stack, async (server) => {
          using client = new RawClient(server.grpcAddress);
          return await client.ask({ ":path": `${service}/Check`, ...headers }, chunks);
        });
        assert.deepEqual(comparable(first), comparable(second));
      });
    }

    test("a client that cancels gets the same end, and the use case sees it go", async () => {
      const [first, second] = await both(stack, async (server, gone) => {
        using client = clientOf(server);
        const stream = client.duplex("StreamCheck");
        const failed = once(stream, "error");
        stream.write({ tag: "1", items: [{ ...call, delegation_id: "wait" }] });
        await gone.arrived;
        stream.cancel();
        const [error] = await failed;
        return [describe(error), await gone.reason];
      });
      assert.deepEqual(first, second);
      assert.match(JSON.stringify(first), /"cancelled"/);
    });

    test("a deadline that passes ends a call the same way", async () => {
      const [first, second] = await both(stack, async (server, gone) => {
        using client = clientOf(server);
        const waiting = { ...call, delegation_id: "wait" };
        const deadline = Date.now() + 200;
        const error = await client
          .unary("Check", waiting, new Metadata(), { deadline })
          .catch((thrown: ServiceError) => thrown.code);
        return [error, await gone.reason];
      });
      assert.deepEqual(first, second);
      assert.match(JSON.stringify(first), /"deadline_exceeded"/);
    });
  });

interface Gone {
  readonly arrived: Promise<void>;
  /** The code with which the call's signal was aborted. */
  readonly reason: Promise<string>;
}

/** The same with the server and with that of grpc-js. */
async function both<Value>(
  stack: "own" | "http2",
  act: (server: TestServer, gone: Gone) => Promise<Value>,
): Promise<readonly [Value, Value]> {
  const on = async (grpcServer: GrpcServer): Promise<Value> => {
    const arrived = Promise.withResolvers<void>();
    const reason = Promise.withResolvers<string>();
    const useCases = answering(arrived.resolve, reason.resolve);
    await using server = await serve(useCases, { messageBytesMax }, grpcServer);
    return await act(server, { arrived: arrived.promise, reason: reason.promise });
  };
  return [await on(stack), await on("grpc-js")];
}

/** Allows every call, but waits with those that ask for it until they are given up. */
function answering(arrived: () => void, left: (reason: string) => void): Partial<UseCases> {
  const { authorizer } = refusingUseCases({});
  const check: UseCases["authorizer"]["check"] = async (context, one) => {
    if (one.delegationId !== "wait") return allowed;
    arrived();
    if (!context.signal.aborted) await once(context.signal, "abort");
    const { reason } = context.signal;
    left(reason instanceof DomainError ? reason.code : String(reason));
    throw reason;
  };
  return {
    authorizer: {
      ...authorizer,
      check,
      checkBatch: async (context, calls, options) => ({
        items: await Promise.all(calls.map(async (one) => await check(context, one, options))),
        token: "token",
      }),
    },
  };
}

function frame(bytes: Buffer, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** A message of ASCII characters is the same to a client whether it is percent-encoded or not. */
function comparable({ headers, trailers, body, resetCode }: RawAnswer): Plain {
  const all = { ...headers, ...trailers };
  const text = decodeURI(String(all["grpc-message"] ?? ""));
  return { all: { ...all, "grpc-message": text }, alone: trailers === undefined, body, resetCode };
}

function describe(error: ServiceError): Plain {
  return { code: error.code, details: error.details };
}

function clientOf(server: TestServer): PlainClient {
  return new PlainClient(loadProtoFiles(), "prokura.v1.AuthorizationService", server.grpcAddress);
}
