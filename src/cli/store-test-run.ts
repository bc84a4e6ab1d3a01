import type { Explanation } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import { formatObject } from "../core/object.ts";
import { formatSubject } from "../core/subject.ts";
import { formatTuple, type RelationTuple } from "../core/tuple.ts";
import { authorize, type AuthorizeAnswer } from "../engine/authorize.ts";
import { checkRelation, type CheckAnswer, type CheckQuery } from "../engine/check.ts";
import { explainCall, explainCheck } from "../engine/explain.ts";
import type { Evaluated } from "../engine/graph.ts";
import { defaultLimits } from "../engine/limits.ts";
import { listObjects } from "../engine/list-objects.ts";
import { listSubjects } from "../engine/list-subjects.ts";
import { planModel } from "../engine/plan.ts";
import { graphOfTuples } from "../engine/tuple-graph.ts";
import type { View } from "../engine/view.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import type {
  CallTest,
  CheckTest,
  ObjectListTest,
  StoreTestCase,
  SubjectListTest,
} from "../model/store-test.ts";
import { checkTuple } from "../model/tuple-check.ts";

/** What became of one assertion of a test file. */
export interface AssertionResult {
  readonly case: string;
  readonly question: string;
  readonly expected: string;
  readonly got: string;
  readonly passed: boolean;
  /** Of a failure, where there is one. */
  readonly explanation?: Explanation;
}

const sliceLength = 1000;

/**
 * Asks every question of a case on a store that has these tuples and nothing else, all at one time.
 * A tuple that the model does not take fails the case, and is left out.
 */
export function runCase(
  model: AuthorizationModel,
  tuples: readonly RelationTuple[],
  test: StoreTestCase,
  nowMs: number,
): readonly AssertionResult[] {
  const graph = graphOfTuples(tuples.filter((tuple) => checkTuple(model, tuple) === undefined));
  const plan = planModel(model, graph.symbols);
  const view: View = { graph, plan, now: { earliestMs: nowMs, latestMs: nowMs } };
  const results = [
    ...tuples.flatMap((tuple) => refusedTuple(model, tuple)),
    ...test.checks.flatMap((check) => runCheck(view, check)),
    ...test.objectLists.flatMap((list) => runObjectList(view, list)),
    ...test.subjectLists.flatMap((list) => runSubjectList(view, list)),
    ...test.calls.map((call) => runCall(view, call)),
  ];
  return results.map((result) => ({ ...result, case: test.name }));
}

type CaseResult = Omit<AssertionResult, "case">;

function refusedTuple(model: AuthorizationModel, tuple: RelationTuple): readonly CaseResult[] {
  const problem = checkTuple(model, tuple);
  if (problem === undefined) return [];
  return [verdictOn(`tuple ${formatTuple(tuple)}`, "taken by the model", problem.message)];
}

function runCheck(view: View, test: CheckTest): readonly CaseResult[] {
  const { subject, object, context, assertions } = test;
  return [...assertions].map(([relation, expected]) => {
    const query: CheckQuery = { object, relation, subject, context, contextualTuples: [] };
    const got = describeAnswer(decided(checkRelation(view, query, defaultLimits)));
    const question = `${formatObject(object)}#${relation}@${formatSubject(subject)}`;
    const result = verdictOn(question, expected ? "yes" : "no", got);
    if (result.passed) return result;
    const { explanation } = decided(explainCheck(view, query, defaultLimits));
    return { ...result, explanation };
  });
}

function describeAnswer(answer: CheckAnswer): string {
  switch (answer.kind) {
    case "member":
      return "yes";
    case "not_member":
      return "no";
    case "needs":
      return `it hangs on ${answer.names.join(", ")}`;
    case "error":
      return `${answer.code}: ${answer.detail}`;
  }
}

function runObjectList(view: View, test: ObjectListTest): readonly CaseResult[] {
  const { subject, type, context, assertions } = test;
  return [...assertions].map(([relation, expected]) => {
    const query = { type, relation, subject, context, contextualTuples: [] };
    const got = readSlices((after) => {
      const position = after === undefined ? {} : { after };
      const slice = { ...query, ...position, limit: sliceLength };
      const answer = decided(listObjects(view, slice, defaultLimits));
      if (answer.kind === "error") return answer;
      const elements = answer.objects.map(
        ({ object, needs }) => formatObject(object) + ifText(needs),
      );
      return { kind: "slice", elements, next: answer.next };
    });
    const question = `${type} objects to which ${formatSubject(subject)} is ${relation}`;
    return verdictOn(question, listText(expected.map(formatObject)), got);
  });
}

function runSubjectList(view: View, test: SubjectListTest): readonly CaseResult[] {
  const { object, filter, context, assertions } = test;
  return [...assertions].map(([relation, expected]) => {
    const userset = filter.relation === undefined ? {} : { subjectRelation: filter.relation };
    const query = { object, relation, subjectType: filter.type, ...userset, context };
    const got = readSlices((after) => {
      const position = after === undefined ? {} : { after };
      const slice = { ...query, ...position, contextualTuples: [], limit: sliceLength };
      const answer = decided(listSubjects(view, slice, defaultLimits));
      if (answer.kind === "error") return answer;
      const elements = answer.subjects.map(
        ({ subject, needs }) => formatSubject(subject) + ifText(needs),
      );
      return { kind: "slice", elements, next: answer.next };
    });
    const question = `${filter.type} subjects that are ${relation} of ${formatObject(object)}`;
    return verdictOn(question, listText(expected.map(formatSubject)), got);
  });
}

function runCall(view: View, test: CallTest): CaseResult {
  const { principal, actors, tool, accesses, session, context, allowed, reason } = test;
  const call = {
    principal,
    actors,
    tool,
    accesses,
    context,
    partialChain: false,
    contextualTuples: [],
    ...(session === undefined ? {} : { session }),
  };
  const chain = actors.map(formatObject).join(" → ");
  const on = accesses.map(({ resource }) => formatObject(resource)).join(", ");
  const question = `${chain} for ${formatObject(principal)}: ${formatObject(tool)}${on === "" ? "" : ` on ${on}`}`;
  const answer = decided(authorize(view, call, defaultLimits));
  const denied = reason === undefined ? "denied" : `denied, ${reason}`;
  const got = describeVerdict(answer, reason !== undefined);
  const result = verdictOn(question, allowed ? "allowed" : denied, got);
  if (result.passed) return result;
  const { explanation } = decided(explainCall(view, call, defaultLimits));
  // A test that names no reason still wants to know it where it fails.
  return { ...result, got: describeVerdict(answer, true), explanation };
}

function describeVerdict(answer: AuthorizeAnswer, withReason: boolean): string {
  switch (answer.kind) {
    case "allowed":
      return "allowed";
    case "denied":
      return withReason ? `denied, ${answer.reason}` : "denied";
    case "error":
      return `${answer.code}: ${answer.detail}`;
  }
}

type Slice =
  | {
      readonly kind: "slice";
      readonly elements: readonly string[];
      readonly next: string | undefined;
    }
  | { readonly kind: "error"; readonly code: string; readonly detail: string };

function readSlices(read: (after: string | undefined) => Slice): string {
  const elements: string[] = [];
  let after: string | undefined;
  do {
    const slice = read(after);
    if (slice.kind === "error") return `${slice.code}: ${slice.detail}`;
    elements.push(...slice.elements);
    after = slice.next;
  } while (after !== undefined);
  return listText(elements);
}

function listText(elements: readonly string[]): string {
  return elements.length === 0 ? "nothing" : elements.toSorted().join(", ");
}

function ifText(names: readonly string[]): string {
  return names.length === 0 ? "" : ` (if ${names.join(", ")})`;
}

function verdictOn(question: string, expected: string, got: string): CaseResult {
  return { question, expected, got, passed: got === expected };
}

/** A graph of tuples is complete: nothing can be missing. */
function decided<Value>(evaluated: Evaluated<Value>): Value {
  if (evaluated.kind === "decided") return evaluated.value;
  throw new DomainError("budget_exceeded", "the evaluation needs more than there is in the file");
}
