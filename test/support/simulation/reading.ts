import { parseName, type ObjectRef } from "../../../src/core/object.ts";
import type { PageKey } from "../../../src/core/page.ts";
import { formatSubject, subjectOf, type Subject } from "../../../src/core/subject.ts";
import type { SubjectSymbol } from "../../../src/core/symbols.ts";
import { formatTuple, type RelationTuple, type StoredCondition } from "../../../src/core/tuple.ts";
import type { Graph } from "../../../src/engine/graph.ts";

/** What each type has, in canonical order. */
const relationsOf: Readonly<Record<string, readonly string[]>> = {
  document: ["viewer"],
  delegation: ["delegate", "principal"],
};

/** What the tuples of a page say, as a graph must tell it: of a pair the delegations alone. */
export function textsOf(key: PageKey, tuples: readonly RelationTuple[]): readonly string[] {
  if (key.kind !== "pair") return tuples.map(describe);
  const ids = tuples.map(({ object }) => formatSubject(subjectOf(object)));
  return [...new Set(ids)].toSorted();
}

/** What the graph says that a page holds; `undefined` where it is not held. */
export function readPage(graph: Graph, key: PageKey): readonly string[] | undefined {
  switch (key.kind) {
    case "object":
      return readObject(graph, key.object);
    case "forward":
      return readForward(graph, key.object, key.relation);
    case "point":
      return readPoint(graph, key);
    case "reverse":
      return readReverse(graph, key);
    case "pair": {
      const principal = find(graph, subjectOf(key.principal));
      const delegate = find(graph, subjectOf(key.delegate));
      if (principal === -1 || delegate === -1) return undefined;
      const delegations = graph.delegations(principal, delegate);
      return delegations?.map((each) => formatSubject(graph.symbols.subjectOf(each))).toSorted();
    }
  }
}

function readObject(graph: Graph, object: ObjectRef): readonly string[] | undefined {
  const parts = (relationsOf[object.type] ?? []).map((relation) =>
    readForward(graph, object, parseName(relation, "relation")),
  );
  const known = parts.filter((part) => part !== undefined);
  return known.length < parts.length ? undefined : known.flat();
}

function readForward(
  graph: Graph,
  object: ObjectRef,
  relation: RelationTuple["relation"],
): readonly string[] | undefined {
  const { symbols } = graph;
  const number = symbols.findObject(object.type, object.id);
  const page = number === -1 ? undefined : graph.forward(number, symbols.internName(relation));
  if (page === undefined) return undefined;
  return Array.from({ length: page.count }, (_, position) =>
    describe({
      object,
      relation,
      subject: symbols.subjectOf(page.subjectAt(position)),
      ...factsOf(page.conditionAt(position), page.expiresAtMsAt(position)),
    }),
  );
}

function readPoint(
  graph: Graph,
  key: Extract<PageKey, { kind: "point" }>,
): readonly string[] | undefined {
  const object = find(graph, subjectOf(key.object));
  const subject = find(graph, key.subject);
  if (object === -1 || subject === -1) return undefined;
  const facts = graph.point(object, graph.symbols.internName(key.relation), subject);
  if (facts === undefined || facts === "absent") return facts === undefined ? undefined : [];
  const { relation } = key;
  const said = factsOf(facts.condition, facts.expiresAtMs);
  return [describe({ object: key.object, relation, subject: key.subject, ...said })];
}

function readReverse(
  graph: Graph,
  key: Extract<PageKey, { kind: "reverse" }>,
): readonly string[] | undefined {
  const { symbols } = graph;
  const subject = find(graph, key.subject);
  if (subject === -1) return undefined;
  const type = symbols.internName(key.type);
  const page = graph.reverse(subject, type, symbols.internName(key.relation));
  if (page === undefined) return undefined;
  return Array.from({ length: page.count }, (_, position) => {
    const object = symbols.subjectOf(page.objectAt(position));
    if (object.kind !== "object") throw new Error("a reverse page has objects");
    return describe({
      object: object.object,
      relation: key.relation,
      subject: key.subject,
      ...factsOf(page.conditionAt(position), page.expiresAtMsAt(position)),
    });
  });
}

/** The key, the condition with its context, and the expiry. */
function describe(tuple: RelationTuple): string {
  const { condition, expiresAtMs } = tuple;
  const given =
    condition === undefined ? "" : ` if ${condition.name} ${JSON.stringify(condition.context)}`;
  return `${formatTuple(tuple)}${given}${expiresAtMs === undefined ? "" : ` until ${expiresAtMs}`}`;
}

function factsOf(
  condition: StoredCondition | undefined,
  expiresAtMs: number,
): Pick<RelationTuple, "condition" | "expiresAtMs"> {
  return {
    ...(condition === undefined ? {} : { condition }),
    ...(expiresAtMs === Number.POSITIVE_INFINITY ? {} : { expiresAtMs }),
  };
}

function find({ symbols }: Graph, subject: Subject): SubjectSymbol | -1 {
  if (subject.kind !== "object") throw new Error("all subjects here are objects");
  return symbols.findObject(subject.object.type, subject.object.id);
}
