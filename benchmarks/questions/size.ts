import { CheckRequestSchema } from "../../src/gen/prokura/v1/authorization_pb.ts";
import { RevokeRequestSchema } from "../../src/gen/prokura/v1/delegation_pb.ts";
import { WriteTuplesRequestSchema } from "../../src/gen/prokura/v1/tuple_pb.ts";
import { tupleToProto } from "../../src/client/tuple.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { fillLargeTenant, importTuples } from "../fill.ts";
import type { LoadCall } from "../load/job.ts";
import { seededRandom } from "../load/random.ts";
import { encoded } from "../message.ts";
import {
  delegationLines,
  organisationModel,
  organisationOf,
  readCall,
  type Organisation,
} from "../organisation.ts";
import { loadQuestion, nodeTarget, type Bench, type Question, type Topic } from "../question.ts";

const checks = 1_000;
const writes = 2_000;
const ratePerSecond = 500;
const revokedShare = 100;

/**
 * One graph of an organisation after the other, ten times as large each: what a check costs while its
 * part of the graph is in memory, and with 4 writes and 1 revocation among 95 checks.
 */
export function size(name: string, tuples: number): Topic {
  return {
    name,
    preparationSeconds: 3 + tuples / 8_000,
    questions: 2,
    async prepare(bench) {
      const organisation = organisationOf(bench.extent === "trial" ? 2_000 : tuples);
      const tenant = `size-${tuples}`;
      const tuplesOf = organisation.tuples();
      const stored = await fillLargeTenant(bench, tenant, organisationModel, tuplesOf);
      const hot = checksOf(tenant, organisation);
      await bench.generator.run({
        ...nodeTarget(bench),
        ...once,
        calls: [hot],
        requests: bench.extent === "trial" ? 100 : checks,
      });
      const label = tuples.toLocaleString("en");
      return [
        loadQuestion(bench, {
          name: `Check, ${label} tuples, 4 × 32`,
          tuples: stored,
          job: { ...nodeTarget(bench), calls: [hot] },
        }),
        await mixed(bench, `mixed load, ${label} tuples`, tenant, organisation, hot),
      ];
    },
  };
}

/** Brings what the checks are about into memory. */
const once = {
  kind: "unary",
  order: [0],
  firstMessage: 0,
  connections: 4,
  inFlight: 8,
  warmUpSeconds: 0,
  seconds: 120,
} as const;

/** People by Zipf's law: the first is asked about far more often than the last. */
export function checksOf(tenant: string, organisation: Organisation): LoadCall {
  const random = seededRandom(7);
  const messages = Array.from({ length: checks }, () => {
    const person = Math.min(
      organisation.people - 1,
      Math.floor(organisation.people ** random()) - 1,
    );
    const file = organisation.fileOf(person, Math.floor(random() * 30));
    return encoded(CheckRequestSchema, { tenant, ...readCall(person, file) });
  });
  return {
    path: "/prokura.v1.AuthorizationService/Check",
    expected: { kind: "allowed" },
    messages,
  };
}

/** At a rate that is the same for all sizes, so that latencies can be compared. */
async function mixed(
  bench: Bench,
  name: string,
  tenant: string,
  organisation: Organisation,
  hot: LoadCall,
): Promise<Question> {
  const seconds = bench.extent === "trial" ? 0.5 : 4;
  const revocations = Math.ceil((ratePerSecond / revokedShare) * (seconds + 2) * bench.rounds * 2);
  await importTuples(bench.node.client, tenant, spareDelegations(organisation, revocations));
  const order = Array.from({ length: 100 }, (_, at) => (at === 50 ? 2 : at % 25 === 0 ? 1 : 0));
  const written = Array.from({ length: writes }, (_, at) => `group:team-x${at}#member@user:x${at}`);
  return loadQuestion(bench, {
    name,
    unit: "request",
    seconds,
    messagesOfRound: Math.ceil(revocations / bench.rounds),
    job: {
      ...nodeTarget(bench),
      connections: 8,
      ratePerSecond,
      order,
      calls: [
        hot,
        {
          path: "/prokura.v1.TupleService/WriteTuples",
          expected: { kind: "answered" },
          messages: written.map((line) =>
            encoded(WriteTuplesRequestSchema, { tenant, operations: [touch(line)] }),
          ),
        },
        {
          path: "/prokura.v1.DelegationService/Revoke",
          expected: { kind: "revoked" },
          messages: Array.from({ length: revocations }, (_, at) =>
            encoded(RevokeRequestSchema, { tenant, selector: { delegationId: `spare-${at}` } }),
          ),
        },
      ],
    },
  });
}

function* spareDelegations(organisation: Organisation, count: number): Generator<RelationTuple> {
  for (let at = 0; at < count; at += 1) {
    const person = at % organisation.people;
    const lines = delegationLines(`spare-${at}`, person, `spare-agent-${at}`, `folder:spare-${at}`);
    for (const line of lines) yield parseTupleText(line, "tuple");
  }
}

function touch(line: string) {
  const value = tupleToProto(parseTupleText(line, "tuple"));
  return { operation: { case: "touch", value } } as const;
}
