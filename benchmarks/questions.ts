import { create, toBinary, toJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "../src/client/client.ts";
import { tupleToProto } from "../src/client/tuple.ts";
import {
  BatchCheckRequestSchema,
  type CheckItemSchema,
  CheckRelationRequestSchema,
  CheckRequestSchema,
  CheckResponseSchema,
  StreamCheckRequestSchema,
} from "../src/gen/prokura/v1/authorization_pb.ts";
import { startProcess } from "../test/rpc/server-process.ts";
import { createTestDatabase } from "../test/support/database.ts";
import { startFloor } from "./floor-process.ts";
import type { LoadJob } from "./load/job.ts";
import { worldModel, worldTuples } from "./world.ts";

/** One row of the table. */
export interface Question {
  readonly name: string;
  /** Checks a message. */
  readonly checks: number;
  readonly job: Omit<LoadJob, "seconds" | "warmUpSeconds">;
}

const users = 100;
const service = "/prokura.v1.AuthorizationService";

/** Starts every server, fills ours with the world, and says what is to be asked of which. */
export async function startQuestions(): Promise<
  AsyncDisposable & { readonly all: readonly Question[] }
> {
  const parts = new AsyncDisposableStack();
  const database = await createTestDatabase();
  const node = { DATABASE_URL: database.connectionString };
  const server = parts.use(await startProcess(["--log-level=info"], node));
  await fill(server.grpcAddress);
  const answer = await firstAnswer(server.grpcAddress);
  const http2 = parts.use(await startFloor("http2", `${service}/Check`, answer));
  const grpcJs = parts.use(await startFloor("grpc-js", `${service}/Check`, answer));
  const here = {
    port: Number(server.grpcAddress.split(":").at(-1)),
    serverProcessId: server.processId,
  };
  const http = { ...here, port: Number(new URL(server.httpUrl).port) };
  const checks = Array.from({ length: users }, (_, user) =>
    binary(CheckRequestSchema, callOf(user)),
  );
  const unary = { kind: "unary", path: `${service}/Check`, messages: checks } as const;
  const busy = { connections: 4, inFlight: 32 };
  const alone = { connections: 1, inFlight: 1 };
  const floorOf = ({ port, processId }: { readonly port: number; readonly processId: number }) => ({
    port,
    serverProcessId: processId,
  });
  const all: readonly Question[] = [
    { name: "floor: node:http2, 4 × 32", checks: 1, job: { ...unary, ...busy, ...floorOf(http2) } },
    { name: "floor: grpc-js, 4 × 32", checks: 1, job: { ...unary, ...busy, ...floorOf(grpcJs) } },
    { name: "Check, 4 × 32", checks: 1, job: { ...unary, ...busy, ...here } },
    {
      name: "CheckRelation direct, 4 × 32",
      checks: 1,
      job: { ...relation("own"), ...busy, ...here },
    },
    {
      name: "CheckRelation nested, 4 × 32",
      checks: 1,
      job: { ...relation("grouped"), ...busy, ...here },
    },
    {
      name: "BatchCheck 100",
      checks: 100,
      job: { ...batch(), connections: 4, inFlight: 4, ...here },
    },
    { name: "StreamCheck, one a message", checks: 1, job: { ...stream(1), ...busy, ...here } },
    { name: "StreamCheck, 16 a message", checks: 16, job: { ...stream(16), ...busy, ...here } },
    {
      name: "floor: node:http2, one caller",
      checks: 1,
      job: { ...unary, ...alone, ...floorOf(http2) },
    },
    { name: "Check, one caller", checks: 1, job: { ...unary, ...alone, ...here } },
    {
      name: "Connect JSON, 32 × 1",
      checks: 1,
      job: { ...json(), connections: 32, inFlight: 1, ...http },
    },
  ];
  return { all, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function fill(address: string): Promise<void> {
  using client = createClient({ address, deadlineMs: 30_000 });
  await client.model.writeModel({ source: { case: "text", value: worldModel } });
  const operations = worldTuples(users).map((tuple) => ({
    operation: { case: "create" as const, value: tupleToProto(tuple) },
  }));
  for (let at = 0; at < operations.length; at += 1000) {
    await client.tuple.writeTuples({ operations: operations.slice(at, at + 1000) });
  }
}

/** What the floors answer with, so that they send as much as we do. */
async function firstAnswer(address: string): Promise<Uint8Array> {
  using client = createClient({ address });
  return toBinary(CheckResponseSchema, await client.authorization.check(callOf(0)));
}

function callOf(user: number) {
  return {
    principal: { type: "user", id: `${user}` },
    actors: [{ type: "agent", id: `${user}` }],
    tool: { type: "tool", id: "read" },
    accesses: [{ resource: { type: "document", id: `own-${user}` } }],
  };
}

function relation(document: "own" | "grouped") {
  const messages = Array.from({ length: users }, (_, user) =>
    binary(CheckRelationRequestSchema, {
      object: { type: "document", id: `${document}-${user}` },
      relation: "viewer",
      subject: { subject: { case: "object", value: { type: "user", id: `${user}` } } },
    }),
  );
  return { kind: "unary", path: `${service}/CheckRelation`, messages } as const;
}

function items(from: number, count: number): MessageInitShape<typeof CheckItemSchema>[] {
  return Array.from({ length: count }, (_, index) => callOf((from + index) % users));
}

function batch() {
  const messages = [0, 13, 57].map((from) =>
    binary(BatchCheckRequestSchema, { items: items(from, 100) }),
  );
  return { kind: "unary", path: `${service}/BatchCheck`, messages } as const;
}

function stream(count: number) {
  const messages = Array.from({ length: users }, (_, user) =>
    binary(StreamCheckRequestSchema, { tag: BigInt(user), items: items(user, count) }),
  );
  return { kind: "stream", path: `${service}/StreamCheck`, messages } as const;
}

function json() {
  const messages = Array.from({ length: users }, (_, user) =>
    Buffer.from(
      toJsonString(CheckRequestSchema, create(CheckRequestSchema, callOf(user))),
    ).toString("base64"),
  );
  return { kind: "json", path: `${service}/Check`, messages } as const;
}

type Requests =
  | typeof CheckRequestSchema
  | typeof CheckRelationRequestSchema
  | typeof BatchCheckRequestSchema
  | typeof StreamCheckRequestSchema;

function binary<Schema extends Requests>(
  schema: Schema,
  message: MessageInitShape<Schema>,
): string {
  return Buffer.from(toBinary(schema, create(schema, message))).toString("base64");
}
