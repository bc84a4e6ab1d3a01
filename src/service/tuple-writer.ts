import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import type { Json } from "../core/json.ts";

import { formatTuple, type RelationTuple, type TupleFilter } from "../core/tuple.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import { checkTuple } from "../model/tuple-check.ts";
import type { Effect, Precondition, TupleStep } from "../store/mutation.ts";
import { pinOf, type Evaluator } from "./evaluator.ts";
import type { Mutator } from "./mutator.ts";
import type { MutationOptions, RequestContext, WriteResult } from "./request.ts";
import type { Storage } from "./storage.ts";
import type { ImportChunk, ImportProgress, Tuples } from "./tuples.ts";

export interface TupleDependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly mutator: Mutator;
  readonly permits: Permits;
  readonly writeTuplesMax: number;
}

/** Of one revision, which holds other writers up for about 100 ms. */
const deleteMax = 2_000;
const importChunkMax = 5_000;

export async function writeTuples(
  dependencies: TupleDependencies,
  context: RequestContext,
  request: Parameters<Tuples["write"]>[1],
  options: MutationOptions,
): ReturnType<Tuples["write"]> {
  const { mutator, permits, writeTuplesMax } = dependencies;
  const { steps, preconditions } = request;
  await permits(context.caller, "writer", { tenant: context.tenant });
  if (steps.length > writeTuplesMax) throw tooMany("operations", steps.length, writeTuplesMax);
  requireDistinct(steps);
  const asked = { write: steps.map(stepJson), preconditions: preconditions.map(preconditionJson) };
  const { answer, result } = await mutator.write<{ created: number; deleted: number }>(
    context,
    options,
    asked,
    async () => {
      const { model, modelId } = await activeModel(dependencies, context);
      requireAllowed(model, steps, "operations");
      const draft = {
        operation: "write_tuples",
        steps,
        preconditions,
        records: [],
        // A write that only takes away goes before those that add.
        urgent: steps.every(({ kind }) => kind === "delete"),
        validatedModelId: modelId,
      };
      const count = ({ created, deleted }: Effect) => ({
        created: created.length,
        deleted: deleted.length,
      });
      return { draft, answer: count };
    },
  );
  return { ...answer, result };
}

export async function deleteTuples(
  dependencies: TupleDependencies,
  context: RequestContext,
  request: Parameters<Tuples["delete"]>[1],
  options: MutationOptions,
): ReturnType<Tuples["delete"]> {
  const { mutator, permits, evaluator, storage } = dependencies;
  const { filter, dryRun } = request;
  const limit = request.limit === 0 ? deleteMax : request.limit;
  await permits(context.caller, "writer", { tenant: context.tenant });
  if (limit > deleteMax) throw tooMany("limit", limit, deleteMax);
  if (Object.keys(filter).length === 0) {
    throw new DomainError("malformed", "filter must name at least one field", {
      field: "filter",
      hint: "an empty filter would delete everything",
    });
  }
  if (dryRun) {
    const { revision } = await evaluator.run(context, { kind: "fully_consistent" }, (snapshot) => ({
      kind: "decided",
      value: pinOf(snapshot),
    }));
    const query = { filter, revision, limit: limit + 1 };
    const found = await storage.tuples.read(context.tenant, query);
    return { deleted: Math.min(found.length, limit), more: found.length > limit };
  }
  const draft = {
    operation: "delete_tuples",
    steps: [{ kind: "delete_matching" as const, filter, limit }],
    preconditions: [],
    records: [],
    urgent: true,
  };
  const asked = { delete: filterJson(filter), limit };
  const { answer, result } = await mutator.write<{ deleted: number; more: boolean }>(
    context,
    options,
    asked,
    () => Promise.resolve({ draft, answer: deletion }),
  );
  return { ...answer, result };
}

function deletion({ deleted, moreToDelete }: Effect): { deleted: number; more: boolean } {
  return { deleted: deleted.length, more: moreToDelete };
}

/** Chunks are committed one by one; the barrier is run once, at the last. */
export async function importTuples(
  dependencies: TupleDependencies,
  context: RequestContext,
  chunks: AsyncIterable<ImportChunk>,
  options: MutationOptions,
): Promise<ImportProgress & { readonly result: WriteResult }> {
  const { mutator, permits } = dependencies;
  const startedMs = performance.now();
  await permits(context.caller, "writer", { tenant: context.tenant });
  let progress: ImportProgress = { imported: 0, cursor: "" };
  let last: WriteResult | undefined;
  try {
    for await (const chunk of chunks) {
      last = await writeChunk(dependencies, context, chunk, options);
      progress = { imported: progress.imported + chunk.tuples.length, cursor: chunk.cursor };
    }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const facts = { ...error.facts, cursor: progress.cursor };
    throw new DomainError(error.code, error.message, { ...facts, cause: error });
  }
  const result =
    last ?? (await writeChunk(dependencies, context, { tuples: [], cursor: "" }, options));
  const { timeline, revision } = result;
  const position = { tenant: context.tenant, timeline, revision };
  return { ...progress, result: await mutator.enforce(context, options, position, startedMs) };
}

async function writeChunk(
  dependencies: TupleDependencies,
  context: RequestContext,
  chunk: ImportChunk,
  options: MutationOptions,
): Promise<WriteResult> {
  const { tuples } = chunk;
  if (tuples.length > importChunkMax) throw tooMany("tuples", tuples.length, importChunkMax);
  const steps = tuples.map((tuple) => ({ kind: "touch" as const, tuple }));
  requireDistinct(steps);
  const { reason } = options;
  const unhurried = { reason, skipBarrier: true };
  const { result } = await dependencies.mutator.write<null>(context, unhurried, null, async () => {
    const { model, modelId } = await activeModel(dependencies, context);
    requireAllowed(model, steps, "tuples");
    const draft = {
      operation: "import_tuples",
      steps,
      preconditions: [],
      records: [],
      urgent: false,
      validatedModelId: modelId,
    };
    return { draft, answer: () => null };
  });
  return result;
}

async function activeModel(
  { evaluator }: TupleDependencies,
  context: RequestContext,
): Promise<{ readonly model: AuthorizationModel; readonly modelId: string }> {
  return evaluator.run(context, { kind: "default" }, (snapshot) => ({
    kind: "decided",
    value: { model: snapshot.plan.model, modelId: snapshot.modelId },
  }));
}

/** What is deleted need not be allowed: a tuple that a later model refuses must be removable. */
function requireAllowed(
  model: AuthorizationModel,
  steps: readonly TupleStep[],
  field: string,
): void {
  for (const [index, step] of steps.entries()) {
    if (step.kind !== "create" && step.kind !== "touch") continue;
    const error = checkTuple(model, step.tuple);
    if (error === undefined) continue;
    throw new DomainError(error.code, error.message, {
      ...error.facts,
      field: `${field}[${index}]${error.facts.field === undefined ? "" : `.${error.facts.field}`}`,
    });
  }
}

/** Two operations on one key in one revision would mean what their order is taken to be. */
function requireDistinct(steps: readonly TupleStep[]): void {
  const seen = new Map<string, number>();
  for (const [index, step] of steps.entries()) {
    if (step.kind === "delete_matching") continue;
    const key = formatTuple(step.tuple);
    const first = seen.get(key);
    if (first !== undefined) {
      throw new DomainError("malformed", `\`${key}\` is written twice, at ${first} and ${index}`, {
        field: `operations[${index}]`,
      });
    }
    seen.set(key, index);
  }
}

function tooMany(field: string, count: number, max: number): DomainError {
  return new DomainError("limit_exceeded", `${field} must be at most ${max}, got ${count}`, {
    field,
  });
}

function stepJson(step: TupleStep): Json {
  if (step.kind === "delete_matching") return { ...step, filter: filterJson(step.filter) };
  return { kind: step.kind, tuple: tupleJson(step.tuple) };
}

function tupleJson(tuple: RelationTuple): Json {
  const { condition, expiresAtMs } = tuple;
  return [
    formatTuple(tuple),
    condition === undefined ? null : { ...condition },
    expiresAtMs ?? null,
  ];
}

function preconditionJson(precondition: Precondition): Json {
  if (!("filter" in precondition)) return { kind: precondition.kind };
  return { kind: precondition.kind, filter: filterJson(precondition.filter) };
}

function filterJson(filter: TupleFilter): Json {
  return { ...filter };
}
