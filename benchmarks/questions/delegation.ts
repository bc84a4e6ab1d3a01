import {
  DelegateRequestSchema,
  RevokeRequestSchema,
} from "../../src/gen/prokura/v1/delegation_pb.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { fillTenant, importTuples } from "../fill.ts";
import type { LoadJob } from "../load/job.ts";
import { encoded } from "../message.ts";
import {
  assistantId,
  delegationLines,
  organisationModel,
  organisationOf,
  personId,
  type Organisation,
} from "../organisation.ts";
import {
  loadQuestion,
  messagesNeeded,
  nodeTarget,
  type Bench,
  type Question,
  type Topic,
} from "../question.ts";

const service = "/prokura.v1.DelegationService";
const tenant = "delegations";

/** What giving and taking away costs, and how long it takes until it is enforced on every node. */
export const delegation: Topic = {
  name: "delegation",
  preparationSeconds: 8,
  questions: 4,
  async prepare(bench) {
    const organisation = organisationOf(bench.extent === "trial" ? 1_000 : 10_000);
    await fillTenant(bench.node.client, tenant, organisationModel, organisation.tuples());
    const alone = { connections: 1, inFlight: 1 };
    const together = { connections: 4, inFlight: 8 };
    const [few, many] = bench.extent === "trial" ? [10, 40] : [100, 400];
    return [
      delegate(bench, organisation, "Delegate, one caller", few, alone),
      delegate(bench, organisation, "Delegate, 4 × 8", many, together),
      await revoke(bench, organisation, "Revoke, one caller", few, alone),
      await revoke(bench, organisation, "Revoke, 4 × 8", many, together),
    ];
  },
};

type Load = Pick<LoadJob, "connections" | "inFlight">;

function delegate(
  bench: Bench,
  organisation: Organisation,
  name: string,
  requests: number,
  load: Load,
): Question {
  const messages = Array.from({ length: organisation.people }, (_, person) =>
    encoded(DelegateRequestSchema, {
      tenant,
      principal: { type: "user", id: personId(person) },
      delegate: { type: "agent", id: assistantId(person) },
      pairs: [
        {
          tools: [entry("mcp_server", "filesystem")],
          resources: [entry("folder", organisation.folderOf(person).replace("folder:", ""))],
        },
      ],
    }),
  );
  const calls = [
    { path: `${service}/Delegate`, messages, expected: { kind: "answered" } },
  ] as const;
  const job = { ...nodeTarget(bench), ...load, requests, calls };
  return loadQuestion(bench, { name, unit: "call", job });
}

/** Each delegation is there once, and revoked by its id. */
async function revoke(
  bench: Bench,
  organisation: Organisation,
  name: string,
  requests: number,
  load: Load,
): Promise<Question> {
  const idOf = (number: number): string => `revoked-${load.inFlight}-${number}`;
  const tuples = function* (): Generator<RelationTuple> {
    for (let number = 0; number < messagesNeeded(bench, requests); number += 1) {
      const person = number % organisation.people;
      const folder = organisation.folderOf(person);
      for (const line of delegationLines(idOf(number), person, `other-${person}`, folder)) {
        yield parseTupleText(line, "tuple");
      }
    }
  };
  await importTuples(bench.node.client, tenant, tuples());
  const messages = Array.from({ length: messagesNeeded(bench, requests) }, (_, number) =>
    encoded(RevokeRequestSchema, { tenant, selector: { delegationId: idOf(number) } }),
  );
  const calls = [{ path: `${service}/Revoke`, messages, expected: { kind: "revoked" } }] as const;
  const job = { ...nodeTarget(bench), ...load, requests, calls };
  return loadQuestion(bench, { name, unit: "call", job });
}

function entry(type: string, id: string) {
  return { subject: { subject: { case: "object", value: { type, id } } } } as const;
}
