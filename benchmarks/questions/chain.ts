import type { JsonObject } from "@bufbuild/protobuf";
import { CheckRequestSchema } from "../../src/gen/prokura/v1/authorization_pb.ts";
import { parseName } from "../../src/core/object.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { fillTenant, importTuples } from "../fill.ts";
import { encoded } from "../message.ts";
import {
  organisationModel,
  organisationOf,
  personId,
  readCall,
  type Organisation,
} from "../organisation.ts";
import { loadQuestion, nodeTarget, type Topic } from "../question.ts";

const path = "/prokura.v1.AuthorizationService/Check";
const tenant = "chains";
const tool = "filesystem/read_text_file";
const lengths = [1, 2, 4] as const;
const peopleMax = 40;

/** Delegated checks through one, two and four links, each bare and with a condition on its tool. */
export const chain: Topic = {
  name: "chain",
  preparationSeconds: 3,
  questions: 6,
  async prepare(bench) {
    const organisation = organisationOf(bench.extent === "trial" ? 1_000 : 10_000);
    const people = Math.min(peopleMax, organisation.people);
    await fillTenant(bench.node.client, tenant, organisationModel, organisation.tuples());
    await importTuples(bench.node.client, tenant, chainTuples(organisation, people));
    return lengths.flatMap((length) =>
      [false, true].map((conditional) =>
        loadQuestion(bench, {
          name: `Check, ${length} ${length === 1 ? "link" : "links"}${conditional ? ", each with a condition" : ""}`,
          job: {
            ...nodeTarget(bench),
            calls: [
              {
                path,
                expected: { kind: "allowed" },
                messages: Array.from({ length: people }, (_, person) =>
                  encoded(CheckRequestSchema, {
                    ...readCall(person, organisation.fileOf(person, person)),
                    tenant,
                    actors: delegates(person, length, conditional).map((id) => ({
                      type: "agent",
                      id,
                    })),
                    ...(conditional ? { context: callContext } : {}),
                  }),
                ),
              },
            ],
          },
        }),
      ),
    );
  },
};

const callContext: JsonObject = { arguments: { path: "/srv/plan.txt", head: "20" } };
const allowedContext = { allowed: ["path=/srv/plan.txt", "head=20"] };

function* chainTuples(organisation: Organisation, people: number): Generator<RelationTuple> {
  for (let person = 0; person < people; person += 1) {
    for (const length of lengths) {
      for (const conditional of [false, true])
        yield* oneChain(organisation, person, length, conditional);
    }
  }
}

/** Each link may be handed on to the delegates after it. */
function* oneChain(
  organisation: Organisation,
  person: number,
  length: number,
  conditional: boolean,
): Generator<RelationTuple> {
  const agents = delegates(person, length, conditional);
  const idOf = (link: number): string => `chain-${agents[agents.length - 1] ?? ""}-${link}`;
  for (const [link, agent] of agents.entries()) {
    const id = idOf(link);
    const delegator = link === 0 ? `user:${personId(person)}` : `agent:${agents[link - 1] ?? ""}`;
    const lines = [
      `delegation:${id}#principal@user:${personId(person)}`,
      `delegation:${id}#delegator@${delegator}`,
      `delegation:${id}#delegate@agent:${agent}`,
      `delegation:${id}#session@session:*`,
      `delegation:${id}#resource@${organisation.folderOf(person)}`,
      `tier:read#member@agent:${agent}`,
      ...(link === 0 ? [] : [`delegation:${id}#parent@delegation:${idOf(link - 1)}`]),
      ...agents.slice(link + 1).map((later) => `delegation:${id}#delegable_to@agent:${later}`),
    ];
    for (const line of lines) yield parseTupleText(line, "tuple");
    const covered = parseTupleText(`delegation:${id}#tool@tool:${tool}`, "tuple");
    const name = parseName("arguments_within", "condition");
    yield conditional ? { ...covered, condition: { name, context: allowedContext } } : covered;
  }
}

function delegates(person: number, length: number, conditional: boolean): readonly string[] {
  const kind = conditional ? "within" : "free";
  return Array.from({ length }, (_, link) => `helper-${person}-${kind}-${length}-${link}`);
}
