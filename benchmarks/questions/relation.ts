import { create } from "@bufbuild/protobuf";
import { CheckRelationRequestSchema } from "../../src/gen/prokura/v1/authorization_pb.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { fillTenant } from "../fill.ts";
import { encoded } from "../message.ts";
import { installPeer, startPeer, type Peer } from "../peer/peer.ts";
import type { PeerCheck } from "../peer/peer-job.ts";
import { loadQuestion, nodeTarget, type Bench, type Question, type Topic } from "../question.ts";
import { worldModel, worldTuples } from "../world.ts";

const path = "/prokura.v1.AuthorizationService/CheckRelation";

// SpiceDB has its caches off here, and its store in memory slows with size: the small graph is its best.
const smallUsers = 6;
const largeUsers = 100;

/**
 * Zanzibar's own question, direct and three groups deep, beside SpiceDB with the same model and tuples.
 * Ours comes over a socket, with everything on; SpiceDB is called within its process.
 */
export const relation: Topic = {
  name: "relation",
  preparationSeconds: 6,
  questions: 8,
  async prepare(bench) {
    const missing = bench.withOthers ? installPeer() : "not asked for";
    if (bench.withOthers && missing !== undefined) bench.note(`SKIPPED: SpiceDB, ${missing}`);
    const counts = bench.extent === "full" ? [smallUsers, largeUsers] : [smallUsers];
    const all: Question[] = [];
    for (const users of counts) all.push(...(await ofSize(bench, users, missing === undefined)));
    return all;
  },
};

/** The rows that a ratio is made of, on the small graph. */
export function relationRow(kind: "direct" | "nested", whose: "ours" | "spicedb"): string {
  return rowName(kind, whose, worldTuples(smallUsers).length);
}

async function ofSize(
  bench: Bench,
  users: number,
  withPeer: boolean,
): Promise<readonly Question[]> {
  const tuples = worldTuples(users);
  const tenant = `relation-${users}`;
  await fillTenant(bench.node.client, tenant, worldModel, tuples);
  const kinds = ["direct", "nested"] as const;
  const ours = kinds.map((kind) =>
    loadQuestion(bench, {
      name: rowName(kind, "ours", tuples.length),
      job: {
        ...nodeTarget(bench),
        calls: [{ path, messages: messagesOf(kind, tenant, users), expected: { kind: "member" } }],
      },
    }),
  );
  if (!withPeer) return ours;
  let peer: Peer;
  try {
    peer = bench.parts.use(await startPeer(parseModel(worldModel), tuples));
  } catch (error) {
    bench.note(`SKIPPED: SpiceDB, ${String(error)}`);
    return ours;
  }
  await compare(bench, peer, tenant, users);
  return [
    ...ours,
    ...kinds.map((kind) =>
      peerQuestion(rowName(kind, "spicedb", tuples.length), peer, kind, users),
    ),
  ];
}

function rowName(kind: "direct" | "nested", whose: "ours" | "spicedb", tuples: number): string {
  const who = whose === "ours" ? "CheckRelation" : "SpiceDB in its process,";
  return `${who} ${kind}, ${tuples.toLocaleString("en")} tuples`;
}

function peerQuestion(
  name: string,
  peer: Peer,
  kind: "direct" | "nested",
  users: number,
): Question {
  const checks = Array.from({ length: users }, (_, user) => peerCheck(kind, user, user));
  return {
    name,
    async measure({ seconds, warmUpSeconds }) {
      const { cpuUs, perSecond } = await peer.measure(checks, seconds, warmUpSeconds);
      return [{ name, unit: "check", serverCpuUs: cpuUs, perSecond }];
    },
  };
}

/** A comparison with somebody who answers something else means nothing. */
async function compare(bench: Bench, peer: Peer, tenant: string, users: number): Promise<void> {
  const pairs = (["direct", "nested"] as const).flatMap((kind) =>
    Array.from({ length: users }, (_, user) => [
      { kind, document: user, user },
      { kind, document: user, user: (user + 1) % users },
      { kind, document: user, user: users },
    ]).flat(),
  );
  const theirs = await peer.ask(
    pairs.map((pair) => peerCheck(pair.kind, pair.document, pair.user)),
  );
  const ours = await Promise.all(
    pairs.map(async (pair) => {
      const asked = requestOf(pair.kind, tenant, pair.document, pair.user);
      return (await bench.node.client.authorization.checkRelation(asked)).member;
    }),
  );
  const differing = pairs.filter((_, at) => ours[at] !== theirs[at]);
  if (differing.length > 0 || theirs.length !== pairs.length) {
    throw new Error(`SpiceDB answers otherwise: ${JSON.stringify(differing.slice(0, 3))}`);
  }
}

function messagesOf(kind: "direct" | "nested", tenant: string, users: number): readonly string[] {
  return Array.from({ length: users }, (_, user) =>
    encoded(CheckRelationRequestSchema, requestOf(kind, tenant, user, user)),
  );
}

function requestOf(kind: "direct" | "nested", tenant: string, document: number, user: number) {
  return create(CheckRelationRequestSchema, {
    tenant,
    object: { type: "document", id: idOf(kind, document) },
    relation: "viewer",
    subject: { subject: { case: "object", value: { type: "user", id: `${user}` } } },
  });
}

function peerCheck(kind: "direct" | "nested", document: number, user: number): PeerCheck {
  return {
    resource: { objectType: "document", objectId: idOf(kind, document) },
    permission: "viewer",
    subject: { object: { objectType: "user", objectId: `${user}` }, optionalRelation: "" },
  };
}

function idOf(kind: "direct" | "nested", document: number): string {
  return kind === "direct" ? `own-${document}` : `grouped-${document}`;
}
