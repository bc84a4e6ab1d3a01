import assert from "node:assert/strict";
import type { Client } from "../src/client/client.ts";
import { ApiError } from "../src/client/api-error.ts";
import { tupleToProto } from "../src/client/tuple.ts";
import type { RelationTuple } from "../src/core/tuple.ts";
import { createAsker, disagreements, type Answer, type Asker } from "./asking.ts";
import type { CorpusCase, CorpusTest, Expected, Question } from "./corpus.ts";
import { ownAbsenceStages } from "./exceptions.ts";
import { isOfClass } from "./error-class.ts";
import { shuffle } from "./shuffle.ts";

/** How the tuples come: written beforehand, or with every question. */
export type Delivery = "stored" | "contextual";

export interface Outcome {
  readonly id: string;
  readonly file: string;
  readonly kind: Question["kind"];
  readonly delivery: Delivery;
  /** What is wrong; absent where the answer is the corpus's. */
  readonly problem?: string;
}

/** Runs a test in a tenant of its own, made here. */
export async function runTest(
  client: Client,
  test: CorpusTest,
  delivery: Delivery,
  { tenant, seed }: { readonly tenant: string; readonly seed: number },
): Promise<readonly Outcome[]> {
  await client.admin.createTenant({ tenant });
  const asker = createAsker(client, tenant);
  const outcomes: Outcome[] = [];
  let tuples: readonly RelationTuple[] = [];
  for (const { id, model, tuples: more, cases } of test.stages) {
    tuples = [...tuples, ...more];
    const refusal = await refusalOf(async () => {
      await writeModel(client, tenant, { id, model });
      if (delivery === "stored") await store(client, tenant, shuffle(more, seed));
    });
    for (const one of cases) {
      const problem = refusal ?? (await judge(asker, one, delivery, { tuples, seed }));
      outcomes.push({
        id: delivery === "stored" ? one.id : contextualId(one.id),
        file: test.file,
        kind: one.question.kind,
        delivery,
        ...(problem === undefined ? {} : { problem }),
      });
    }
  }
  return outcomes;
}

/** Under this id a case is known where its tuples come with the question. */
export function contextualId(id: string): string {
  return `${id}+contextual`;
}

async function writeModel(
  client: Client,
  tenant: string,
  { id, model }: { readonly id: string; readonly model: string },
): Promise<void> {
  const write = (allowOwnAbsence: boolean) =>
    client.model.writeModel({
      tenant,
      source: { case: "text", value: model },
      allowOwnAbsence,
    });
  const isAllowed = ownAbsenceStages.includes(id);
  if (isAllowed) {
    const refusal = await refusalOf(() => write(false));
    assert(refusal?.includes("model_rejected"), `the model of ${id} is accepted as it stands`);
  }
  await write(isAllowed);
}

async function store(
  client: Client,
  tenant: string,
  tuples: readonly RelationTuple[],
): Promise<void> {
  if (tuples.length === 0) return;
  await client.tuple.writeTuples({
    tenant,
    operations: tuples.map((tuple) => ({
      operation: { case: "create", value: tupleToProto(tuple) },
    })),
  });
}

async function refusalOf(prepare: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await prepare();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return `not prepared: ${error.code}: ${error.message}`;
    throw error;
  }
}

async function judge(
  asker: Asker,
  { question, expected }: CorpusCase,
  delivery: Delivery,
  { tuples, seed }: { readonly tuples: readonly RelationTuple[]; readonly seed: number },
): Promise<string | undefined> {
  const { contextualTuples } = question;
  const asked =
    delivery === "stored"
      ? question
      : { ...question, contextualTuples: shuffle([...tuples, ...contextualTuples], seed) };
  const answer = await asker.ask(asked);
  if (!isExpected(answer, expected)) {
    return `expected ${JSON.stringify(expected)}, got ${JSON.stringify(answer)}`;
  }
  if (asked.kind === "check" || answer.kind !== "elements") return undefined;
  const found = await disagreements(asker, asked, answer, tuples);
  return found.length === 0 ? undefined : `list and checks differ: ${found.join("; ")}`;
}

function isExpected(answer: Answer, expected: Expected): boolean {
  switch (expected.kind) {
    case "member":
      return answer.kind === "member" && answer.member === expected.member;
    case "elements":
      return (
        answer.kind === "elements" &&
        answer.elements.length === expected.elements.length &&
        answer.elements.every((element, at) => element === expected.elements[at])
      );
    case "error":
      return answer.kind === "error" && isOfClass(answer.code, expected.code);
  }
}
