import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { formatObject, parseName, parseObjectId, type ObjectRef } from "../core/object.ts";
import { subjectOf } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { checkTuple } from "../model/tuple-check.ts";
import type { TupleStep } from "../store/mutation.ts";
import { pinOf, type Evaluator } from "./evaluator.ts";
import type { Mutator } from "./mutator.ts";
import type { MutationOptions, RequestContext, WriteResult } from "./request.ts";
import type { Storage } from "./storage.ts";

export interface SuspendDependencies {
  readonly evaluator: Evaluator;
  readonly storage: Storage;
  readonly mutator: Mutator;
  readonly permits: Permits;
  readonly newSuspensionId: () => string;
}

const suspended = parseName("suspended", "relation");
const suspensionType = parseName("suspension", "type");
/** Suspensions that one object may have: each is lifted on its own. */
const suspensionsMax = 100;
/** Suspensions that are lifted at once: tuples written by hand may be more than `suspend` makes. */
const liftedMax = 4_000;

/** Adds a suspension of its own, so that lifting another lifts not this one. */
export async function suspend(
  dependencies: SuspendDependencies,
  context: RequestContext,
  target: ObjectRef,
  options: MutationOptions,
): Promise<{ readonly suspensionId: string; readonly result: WriteResult }> {
  const { mutator, permits, evaluator, newSuspensionId } = dependencies;
  await permits(context.caller, "operator", { tenant: context.tenant });
  const { answer, result } = await mutator.write<string>(
    context,
    options,
    { suspend: formatObject(target) },
    async () => {
      const { model, modelId } = await evaluator.run(context, { kind: "default" }, (snapshot) => ({
        kind: "decided",
        value: { model: snapshot.plan.model, modelId: snapshot.modelId },
      }));
      if ((await suspensionsOf(dependencies, context, target)).length >= suspensionsMax) {
        throw new DomainError(
          "limit_exceeded",
          `\`${formatObject(target)}\` has ${suspensionsMax} suspensions already`,
        );
      }
      const id = newSuspensionId();
      const tuple = suspensionTuple(target, id);
      const error = checkTuple(model, tuple);
      if (error !== undefined) throw error;
      const draft = {
        operation: "suspend",
        steps: [{ kind: "create" as const, tuple }],
        preconditions: [],
        records: [],
        urgent: true,
        validatedModelId: modelId,
      };
      return { draft, answer: () => id };
    },
  );
  return { suspensionId: answer, result };
}

export interface Resumed {
  readonly liftedIds: readonly string[];
  readonly remainingIds: readonly string[];
  readonly result: WriteResult;
}

/** Lifts one suspension, or all that stand on the object. */
export async function resume(
  dependencies: SuspendDependencies,
  context: RequestContext,
  request: { readonly target: ObjectRef; readonly suspensionId?: string },
  options: MutationOptions,
): Promise<Resumed> {
  const { mutator, permits } = dependencies;
  const { target, suspensionId } = request;
  await permits(context.caller, "operator", { tenant: context.tenant });
  const { answer, result } = await mutator.write<{ lifted: string[]; remaining: string[] }>(
    context,
    options,
    { resume: formatObject(target), suspension: suspensionId ?? null },
    async () => {
      const standing = await suspensionsOf(dependencies, context, target);
      const lifted = standing.filter((id) => suspensionId === undefined || id === suspensionId);
      if (lifted.length === 0 && suspensionId !== undefined) {
        throw new DomainError(
          "precondition_failed",
          `\`${formatObject(target)}\` has no suspension \`${suspensionId}\``,
          { field: "suspension_id" },
        );
      }
      const remaining = standing.filter((id) => !lifted.includes(id));
      const draft = {
        operation: "resume",
        steps: lifted.map((id): TupleStep => ({
          kind: "delete",
          tuple: suspensionTuple(target, id),
        })),
        preconditions: [],
        records: [],
        urgent: false,
      };
      return { draft, answer: () => ({ lifted, remaining }) };
    },
  );
  return { liftedIds: answer.lifted, remainingIds: answer.remaining, result };
}

/** Ids of all suspensions that stand, expired ones included. */
async function suspensionsOf(
  { evaluator, storage }: SuspendDependencies,
  context: RequestContext,
  target: ObjectRef,
): Promise<string[]> {
  const { revision } = await evaluator.run(context, { kind: "fully_consistent" }, (snapshot) => ({
    kind: "decided",
    value: pinOf(snapshot),
  }));
  const tuples = await storage.tuples.read(context.tenant, {
    filter: {
      objectType: target.type,
      objectId: target.id,
      relation: suspended,
      subjectType: suspensionType,
    },
    revision,
    limit: liftedMax,
  });
  return tuples.flatMap(({ subject }) => (subject.kind === "object" ? [subject.object.id] : []));
}

function suspensionTuple(target: ObjectRef, id: string): RelationTuple {
  const subject = { type: suspensionType, id: parseObjectId(id, "suspension_id") };
  return { object: target, relation: suspended, subject: subjectOf(subject) };
}
