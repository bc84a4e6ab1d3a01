import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Call } from "../../src/core/decision.ts";
import { formatObject, parseName, type Name } from "../../src/core/object.ts";
import type { RelationTuple } from "../../src/core/tuple.ts";
import { formatSubject, subjectOf } from "../../src/core/subject.ts";
import type { Evaluated } from "../../src/engine/graph.ts";
import { defaultLimits } from "../../src/engine/limits.ts";
import { listObjects } from "../../src/engine/list-objects.ts";
import { listSubjects, type ListedSubject } from "../../src/engine/list-subjects.ts";
import { listTools } from "../../src/engine/list-tools.ts";
import { planModel } from "../../src/engine/plan.ts";
import type { EngineError, View } from "../../src/engine/view.ts";
import { delegatedWorld } from "../support/delegated-worlds.ts";
import { decided, PagingGraph } from "../support/graphs.ts";
import { chooserOf, holdsFor, lawRuns, type Tally } from "../support/laws.ts";
import { listsOf, toolsFor, type Lists } from "../support/reference/lists.ts";
import { questionsAbout, type Questions } from "../support/reference/questions.ts";
import type { World } from "../support/reference/world.ts";
import { formatCall, wholeView } from "../support/verdicts.ts";
import { askedWorld, relationsOf, type AskedWorld } from "../support/worlds.ts";

const seed = fc.integer({ min: 1, max: 2_000_000_000 });

/** What a list was asked of, whole or page by page. */
interface Asker {
  readonly view: View;
  run<Value>(evaluation: () => Evaluated<Value>): Value;
}

suite("listObjects", () => {
  test("lists what the fixpoint contains, slice by slice", (context) => {
    const tally = holdsFor(
      fc.tuple(askedWorld, fc.integer({ min: 1, max: 4 })),
      ([asked, limit], counts) => {
        assertObjects(asked, limit, wholeAsker(asked.world), counts);
      },
    );
    context.diagnostic(tally.format());
    for (const outcome of ["yes", "needs", "unknown"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 50, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("lists the same page by page", (context) => {
    const tally = holdsFor(
      fc.tuple(askedWorld, seed),
      ([asked, order], counts) => assertObjects(asked, 2, pagingAsker(asked.world, order), counts),
      Math.ceil(lawRuns / 2),
    );
    context.diagnostic(tally.format());
  });
});

suite("listSubjects", () => {
  test("lists whom the fixpoint contains, slice by slice", (context) => {
    const tally = holdsFor(
      fc.tuple(askedWorld, fc.integer({ min: 1, max: 4 })),
      ([asked, limit], counts) => assertSubjects(asked, limit, wholeAsker(asked.world), counts),
    );
    context.diagnostic(tally.format());
    for (const outcome of ["yes", "needs", "unknown", "wildcard", "excluded", "userset"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 500, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("lists the same page by page", (context) => {
    const tally = holdsFor(
      fc.tuple(askedWorld, seed),
      ([asked, order], counts) => assertSubjects(asked, 2, pagingAsker(asked.world, order), counts),
      Math.ceil(lawRuns / 2),
    );
    context.diagnostic(tally.format());
  });
});

suite("listTools", () => {
  test("lists the tools that the rules let through, resources apart", (context) => {
    const tally = holdsFor(delegatedWorld, ({ world, calls }, counts) => {
      const questions = questionsAbout(world);
      const asker = wholeAsker(world);
      for (const call of calls) assertTools(questions, call, asker, counts);
    });
    context.diagnostic(tally.format());
    for (const outcome of ["none", "tool:t1", "tool:t2"]) {
      assert.ok(tally.of(outcome) >= lawRuns / 50, `${outcome} is too rare: ${tally.format()}`);
    }
  });

  test("lists the same page by page", (context) => {
    const tally = holdsFor(
      fc.tuple(delegatedWorld, seed),
      ([{ world, calls }, order], counts) => {
        const questions = questionsAbout(world);
        const asker = pagingAsker(world, order);
        for (const call of calls) assertTools(questions, call, asker, counts);
      },
      Math.ceil(lawRuns / 2),
    );
    context.diagnostic(tally.format());
  });
});

function assertObjects(asked: AskedWorld, limit: number, asker: Asker, counts: Tally): void {
  const { world, context, contextual } = asked;
  const lists = listsOf(world, context, contextual);
  for (const [type, relation] of relationsIn(world)) {
    for (const subject of asked.subjects) {
      const expected = lists.objects(type, relation, subject);
      const question = `${type}#${relation}@${formatSubject(subject)} ${JSON.stringify(context)}`;
      const actual = collect(limit, (after) => {
        const query = { type, relation, subject, context, contextualTuples: contextual, limit };
        const answer = asker.run(() =>
          listObjects(asker.view, { ...query, ...after }, defaultLimits),
        );
        if (answer.kind === "error") return answer;
        return { ...answer, elements: answer.objects };
      });
      assertListed(
        actual?.map(({ object, needs }) => [formatObject(object), formatNeeds(needs)]),
        expected.map(({ element, truth }) => [formatObject(element), truth]),
        question,
        counts,
      );
    }
  }
}

function assertSubjects(asked: AskedWorld, limit: number, asker: Asker, counts: Tally): void {
  const { world, context, contextual } = asked;
  const lists = listsOf(world, context, contextual);
  const kinds: readonly [string, string?][] = [
    ["user"],
    ["doc"],
    ["group", "member"],
    ["doc", "r1"],
  ];
  for (const object of asked.objects) {
    for (const relation of relationsOf(world.model, object)) {
      for (const [type, subjectRelation] of kinds) {
        const subjectType = name(type);
        const userset = subjectRelation === undefined ? undefined : name(subjectRelation);
        if (!world.model.types.has(subjectType)) continue;
        if (userset !== undefined && !world.model.types.get(subjectType)?.relations.has(userset))
          continue;
        const expected = lists.subjects(object, relation, subjectType, userset);
        const actual = collect(limit, (after) => {
          const query = {
            object,
            relation,
            subjectType,
            ...(userset === undefined ? {} : { subjectRelation: userset }),
            context,
            contextualTuples: contextual,
            limit,
          };
          const answer = asker.run(() =>
            listSubjects(asker.view, { ...query, ...after }, defaultLimits),
          );
          if (answer.kind === "error") return answer;
          return { ...answer, elements: answer.subjects };
        });
        const question = `${formatObject(object)}#${relation}@${type}#${subjectRelation} ${JSON.stringify(context)}`;
        const covered = withoutCovered(expected, actual, subjectType);
        if (userset !== undefined && (actual?.length ?? 0) > 0) counts.count("userset");
        assertListed(
          actual?.map(({ subject, needs }) => [formatSubject(subject), formatNeeds(needs)]),
          covered.map(({ element, truth }) => [formatSubject(element), truth]),
          question,
          counts,
        );
        assertExcluded(asked, expected, actual, subjectType, question, counts);
      }
    }
  }
}

type Expected = ReturnType<Lists["subjects"]>;

/** A plain object that no tuple names need not be listed beside the wildcard that it is in. */
function withoutCovered(
  expected: Expected,
  actual: readonly ListedSubject[] | undefined,
  type: Name,
): Expected {
  const wildcard = expected.find(({ element }) => element.kind === "wildcard");
  const listed = new Set(actual?.map(({ subject }) => formatSubject(subject)));
  return expected.filter(
    ({ element, truth }) =>
      element.kind !== "object" ||
      element.object.type !== type ||
      listed.has(formatSubject(element)) ||
      truth !== wildcard?.truth,
  );
}

/** A wildcard excludes just those of its type that are not in, or not for certain. */
function assertExcluded(
  { objects }: AskedWorld,
  expected: Expected,
  actual: readonly ListedSubject[] | undefined,
  type: Name,
  question: string,
  counts: Tally,
): void {
  const wildcard = actual?.find(({ subject }) => subject.kind === "wildcard");
  if (wildcard === undefined) return;
  counts.count("wildcard");
  if (wildcard.needs.length > 0) return;
  const members = new Set(
    expected.filter(({ truth }) => truth === "yes").map(({ element }) => formatSubject(element)),
  );
  const out = objects
    .filter((object) => object.type === type && !members.has(formatSubject(subjectOf(object))))
    .map(formatObject);
  assert.deepEqual(wildcard.excluded.map(formatObject), out, question);
  if (out.length > 0) counts.count("excluded");
}

function assertTools(questions: Questions, call: Call, asker: Asker, counts: Tally): void {
  const { principal, actors, session, delegationId, partialChain, context } = call;
  const { world } = questions;
  const expected = toolsFor(questions, call);
  const registered = world.objects.filter(({ type }) => type === "tool");
  const actual = collect(1, (after) => {
    const query = {
      principal,
      actors,
      ...(session === undefined ? {} : { session }),
      ...(delegationId === undefined ? {} : { delegationId }),
      partialChain,
      context,
      registered,
      limit: 1,
    };
    const answer = asker.run(() => listTools(asker.view, { ...query, ...after }, defaultLimits));
    if (answer.kind === "error") return answer;
    return { ...answer, elements: answer.tools };
  });
  if (actual === undefined) {
    counts.count("error");
    assert.ok(world.tuples.some(isTroublesome), formatCall(call));
    return;
  }
  assert.deepEqual(actual.map(formatObject), expected.map(formatObject), formatCall(call));
  if (actual.length === 0) counts.count("none");
  for (const tool of actual) counts.count(formatObject(tool));
}

/** What an evaluation may stumble over: a condition that fails, a permission that no type has. */
function isTroublesome({ condition, subject }: RelationTuple): boolean {
  return (
    condition?.name === "broken" || (subject.kind === "object" && subject.object.id === "doc/gone")
  );
}

interface Slice<Element> {
  readonly kind: "slice";
  readonly elements: readonly Element[];
  readonly next?: string;
}

/** All elements of a list, or nothing where one of its slices is an error. */
function collect<Element>(
  limit: number,
  ask: (after: { readonly after?: string }) => Slice<Element> | EngineError,
): Element[] | undefined {
  const collected: Element[] = [];
  let after: { readonly after?: string } = {};
  for (let slices = 0; slices < 1_000; slices += 1) {
    const slice = ask(after);
    if (slice.kind === "error") return undefined;
    assert.ok(slice.elements.length <= limit);
    collected.push(...slice.elements);
    if (slice.next === undefined) return collected;
    after = { after: slice.next };
  }
  assert.fail("the list does not come to an end");
}

/** Where something went wrong for an element, the list is an error: nothing is cut off silently. */
function assertListed(
  actual: readonly (readonly [string, string])[] | undefined,
  expected: readonly (readonly [string, string])[],
  question: string,
  counts: Tally,
): void {
  for (const [, truth] of expected) counts.count(truth.split(" ", 1)[0] ?? "");
  const unknown = new Set(
    expected.filter(([, truth]) => truth === "unknown").map(([element]) => element),
  );
  if (unknown.size > 0 && actual === undefined) return;
  // Where names are missing as well, an element may be listed with these.
  const sane = (lines: typeof expected) => lines.filter(([element]) => !unknown.has(element));
  assert.deepEqual(actual && sane(actual), sane(expected), question);
  for (const element of unknown) {
    const line = actual?.find(([listed]) => listed === element);
    assert.ok(line?.[1].startsWith("needs "), `${question}: ${element} is left out`);
  }
}

function formatNeeds(needs: readonly string[]): string {
  return needs.length === 0 ? "yes" : `needs ${needs.join(",")}`;
}

function relationsIn(world: World): [Name, Name][] {
  return [...world.model.types.values()].flatMap((type) =>
    [...type.relations.keys()].map((relation): [Name, Name] => [type.name, relation]),
  );
}

function wholeAsker(world: World): Asker {
  return { view: wholeView(world), run: (evaluation) => decided(evaluation()) };
}

function pagingAsker({ model, tuples, now }: World, order: number): Asker {
  const graph = new PagingGraph(tuples);
  const view = { graph, plan: planModel(model, graph.symbols), now };
  const choose = chooserOf(order);
  return { view, run: (evaluation) => graph.evaluate(evaluation, choose) };
}

function name(text: string): Name {
  return parseName(text, "name");
}
