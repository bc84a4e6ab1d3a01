import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  CheckRelationRequestSchema,
  ExpandRequestSchema,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { fillTenant } from "../fill.ts";
import { encoded } from "../message.ts";
import { loadQuestion, nodeTarget, type Question, type Topic } from "../question.ts";
import { worldModel } from "../world.ts";

const service = "/prokura.v1.AuthorizationService";
const tenant = "shapes";
const levels = 20;
const asked = 100;

/** Relation checks over graphs of awkward shapes: one group of many, many groups deep, an exclusion. */
export const shape: Topic = {
  name: "shape",
  preparationSeconds: 8,
  questions: 4,
  async prepare(bench) {
    const members = bench.extent === "trial" ? 2_000 : 100_000;
    await fillTenant(bench.node.client, tenant, worldModel, tuplesOf(members));
    const relation = (
      name: string,
      of: (turn: number) => MessageInitShape<typeof CheckRelationRequestSchema>,
    ): Question =>
      loadQuestion(bench, {
        name,
        job: {
          ...nodeTarget(bench),
          calls: [
            {
              path: `${service}/CheckRelation`,
              expected: { kind: "member" },
              messages: Array.from({ length: asked }, (_, turn) =>
                encoded(CheckRelationRequestSchema, { tenant, relation: "viewer", ...of(turn) }),
              ),
            },
          ],
        },
      });
    return [
      relation(`CheckRelation, wide: a group of ${members.toLocaleString("en")}`, (turn) => ({
        object: { type: "document", id: "wide" },
        subject: user(`m${Math.floor((turn * members) / asked)}`),
      })),
      relation(`CheckRelation, deep: ${levels} folders`, (turn) => ({
        object: { type: "document", id: `deep-${turn}` },
        subject: user("owner"),
      })),
      relation("CheckRelation, an exclusion that excludes others", (turn) => ({
        object: { type: "document", id: "guarded" },
        subject: user(`v${turn}`),
      })),
      loadQuestion(bench, {
        name: "Expand, 3 deep",
        unit: "call",
        job: {
          ...nodeTarget(bench),
          inFlight: 4,
          calls: [
            {
              path: `${service}/Expand`,
              expected: { kind: "answered" },
              messages: Array.from({ length: asked }, (_, turn) =>
                encoded(ExpandRequestSchema, {
                  tenant,
                  object: { type: "document", id: `deep-${turn}` },
                  relation: "viewer",
                  depth: 3,
                }),
              ),
            },
          ],
        },
      }),
    ];
  },
};

function* tuplesOf(members: number): Generator<RelationTuple> {
  for (const line of linesOf(members)) yield parseTupleText(line, "tuple");
}

function* linesOf(members: number): Generator<string> {
  yield "document:wide#viewer@group:wide#member";
  for (let member = 0; member < members; member += 1) yield `group:wide#member@user:m${member}`;
  yield "folder:level-0#viewer@user:owner";
  for (let level = 1; level < levels; level += 1) {
    yield `folder:level-${level}#parent@folder:level-${level - 1}`;
  }
  for (let turn = 0; turn < asked; turn += 1) {
    yield `document:deep-${turn}#parent@folder:level-${levels - 1}`;
    yield `document:guarded#viewer@user:v${turn}`;
    yield `document:guarded#blocked@user:b${turn}`;
  }
}

function user(id: string) {
  return { subject: { case: "object", value: { type: "user", id } } } as const;
}
