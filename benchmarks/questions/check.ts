import { create, toBinary, toJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import {
  BatchCheckRequestSchema,
  type CheckItemSchema,
  CheckRequestSchema,
  CheckResponseSchema,
  StreamCheckRequestSchema,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { fillTenant } from "../fill.ts";
import { encoded } from "../message.ts";
import { loadQuestion, nodeTarget, type Bench, type Question, type Topic } from "../question.ts";
import { startFloor, type FloorProcess } from "../servers/floor-process.ts";
import { startNode } from "../servers/node-process.ts";
import { worldModel, worldTuples } from "../world.ts";

const users = 100;
const service = "/prokura.v1.AuthorizationService";
const allowed = { kind: "allowed" } as const;

/** What a delegated check of one link costs over a socket, beside a server that says nothing. */
export const check: Topic = {
  name: "check",
  preparationSeconds: 3,
  questions: 18,
  async prepare(bench) {
    await fillTenant(bench.node.client, "default", worldModel, worldTuples(users));
    const ask = (name: string, job: object, checks = 1): Question =>
      loadQuestion(bench, {
        name,
        units: checks,
        job: { ...nodeTarget(bench), calls: [unary], ...job },
      });
    const quick = [
      ask("Check, 4 × 32", {}),
      ask("BatchCheck 100", { calls: [batch()], inFlight: 4 }, 100),
      ask("StreamCheck, one a message", { kind: "stream", calls: [stream(1)] }),
      ask("Check, one caller", alone),
      ask("Connect JSON, 32 × 1", { ...jsonJob(), port: bench.node.httpPort }),
    ];
    const floors = bench.withOthers ? [...(await floorsOf(bench)), ...(await notKept(bench))] : [];
    if (bench.extent === "quick") return [...floors, ...quick];
    return [
      ...floors,
      ...quick,
      ask("Check, 64 × 1", manyWithOne(64)),
      ...(bench.withOthers ? await workersOf(bench) : []),
      loadQuestion(bench, {
        name: "Check, 4 × 32, no credential",
        job: { port: bench.node.grpcPort, serverProcessId: bench.node.processId, calls: [unary] },
      }),
      // So few that none waits for room in the log longer than it lets anybody wait.
      ask("StreamCheck, 16 a message", { kind: "stream", calls: [stream(16)], inFlight: 8 }, 16),
      ask("Check, 1,000 a second", atRate),
    ];
  },
};

const alone = { connections: 1, inFlight: 1 };

/** From when each request was due, however busy the server was: what callers who do not wait see. */
const atRate = { connections: 8, ratePerSecond: 1_000 };

/** The same questions at a node that decides each of them anew. */
async function notKept(bench: Bench): Promise<readonly Question[]> {
  const node = bench.parts.use(
    await startNode(bench.root, bench.environment, ["--verdicts-max=0", "--node-name=not-kept"]),
  );
  const target = nodeTarget({ ...bench, node });
  return [
    loadQuestion(bench, { name: "Check, 4 × 32, none kept", job: { ...target, calls: [unary] } }),
    loadQuestion(bench, {
      name: "BatchCheck 100, none kept",
      units: 100,
      job: { ...target, calls: [batch()], inFlight: 4 },
    }),
  ];
}

/** Processes that share one port. More than there are processors cannot answer more. */
async function workersOf(bench: Bench): Promise<readonly Question[]> {
  const nodes = await Promise.all(
    [1, 2].map(async (count) => {
      const args = [`--workers=${count}`, `--node-name=workers-${count}`];
      return { count, node: bench.parts.use(await startNode(bench.root, bench.environment, args)) };
    }),
  );
  return nodes.map(({ count, node }) =>
    loadQuestion(bench, {
      name: `Check, 16 × 8, ${count} ${count === 1 ? "worker" : "workers"}`,
      job: { ...nodeTarget({ ...bench, node }), calls: [unary], connections: 16, inFlight: 8 },
    }),
  );
}

async function floorsOf(bench: Bench): Promise<readonly Question[]> {
  const answer = await bench.node.client.authorization.check(callOf(0));
  const bytes = toBinary(CheckResponseSchema, answer);
  const http2 = bench.parts.use(await startFloor("http2", unary.path, bytes));
  const ask = (name: string, { port, processId }: FloorProcess, job: object): Question =>
    loadQuestion(bench, {
      name,
      job: { port, serverProcessId: processId, calls: [unary], ...job },
    });
  const json = Buffer.from(toJsonString(CheckResponseSchema, answer));
  const http1 = bench.parts.use(await startFloor("http1", unary.path, json));
  const quick = [
    ask("floor: node:http2, 4 × 32", http2, {}),
    ask("floor: node:http, JSON, 32 × 1", http1, jsonJob()),
  ];
  if (bench.extent === "quick") return quick;
  const grpcJs = bench.parts.use(await startFloor("grpc-js", unary.path, bytes));
  return [
    ...quick,
    ask("floor: grpc-js, 4 × 32", grpcJs, {}),
    ask("floor: node:http2, one caller", http2, alone),
    ask("floor: node:http2, 64 × 1", http2, manyWithOne(64)),
    ask("floor: node:http2, 1,000 a second", http2, atRate),
  ];
}

function manyWithOne(connections: number) {
  return { connections, inFlight: 1 };
}

function callOf(user: number) {
  return {
    principal: { type: "user", id: `${user}` },
    actors: [{ type: "agent", id: `${user}` }],
    tool: { type: "tool", id: "read" },
    accesses: [{ resource: { type: "document", id: `own-${user}` } }],
  };
}

const everyUser = Array.from({ length: users }, (_, user) => user);
const unary = {
  path: `${service}/Check`,
  messages: everyUser.map((user) => encoded(CheckRequestSchema, callOf(user))),
  expected: allowed,
};

function items(from: number, count: number): MessageInitShape<typeof CheckItemSchema>[] {
  return Array.from({ length: count }, (_, index) => callOf((from + index) % users));
}

function batch() {
  const messages = [0, 13, 57].map((from) =>
    encoded(BatchCheckRequestSchema, { items: items(from, 100) }),
  );
  return { path: `${service}/BatchCheck`, messages, expected: allowed };
}

function stream(count: number) {
  const messages = everyUser.map((user) =>
    encoded(StreamCheckRequestSchema, { tag: BigInt(user), items: items(user, count) }),
  );
  return { path: `${service}/StreamCheck`, messages, expected: allowed };
}

function jsonJob() {
  return { kind: "json", calls: [json()], ...manyWithOne(32) };
}

function json() {
  const messages = everyUser.map((user) =>
    Buffer.from(
      toJsonString(CheckRequestSchema, create(CheckRequestSchema, callOf(user))),
    ).toString("base64"),
  );
  return { path: `${service}/Check`, messages, expected: allowed };
}
