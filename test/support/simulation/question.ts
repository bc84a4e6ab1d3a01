import type { PageKey } from "../../../src/core/page.ts";
import { parseName, parseObject } from "../../../src/core/object.ts";
import { parseRevision, type Revision, type Timeline } from "../../../src/core/revision.ts";
import { subjectOf } from "../../../src/core/subject.ts";
import type { RelationTuple } from "../../../src/core/tuple.ts";
import type { Evaluated } from "../../../src/engine/graph.ts";
import type { Snapshot } from "../../../src/replica/replica.ts";
import { readPage } from "./reading.ts";
import type { Chance } from "./scheduler.ts";

const relation = parseName("viewer", "relation");
const documents = ["x", "y"].map((id) => parseObject("document", id, "object"));
const users = ["a", "b"].map((id) => parseObject("user", id, "subject"));

/** What a check read, and when. */
export interface Answer {
  readonly timeline: Timeline;
  readonly revision: Revision;
  readonly pages: readonly { readonly key: PageKey; readonly tuples: readonly string[] }[];
}

/** One of a handful. */
export function anyTuple(chance: Chance): RelationTuple {
  return { object: chance.pick(documents), relation, subject: subjectOf(chance.pick(users)) };
}

export function anyKeys(chance: Chance): readonly PageKey[] {
  const count = chance.pick([1, 1, 2, 3]);
  return Array.from({ length: count }, () => {
    const { object, subject } = anyTuple(chance);
    return chance.pick<PageKey>([
      { kind: "forward", object, relation },
      { kind: "forward", object, relation },
      { kind: "object", object },
      { kind: "point", object, relation, subject },
      { kind: "reverse", subject, type: object.type, relation },
    ]);
  });
}

export function readPages(snapshot: Snapshot, keys: readonly PageKey[]): Evaluated<Answer> {
  const read = keys.map((key) => ({ key, tuples: readPage(snapshot.graph, key) }));
  const pages = read.filter(({ tuples }) => tuples === undefined).map(({ key }) => key);
  if (pages.length > 0) return { kind: "missing", pages };
  const { timeline } = snapshot;
  const revision = parseRevision(snapshot.revision);
  return {
    kind: "decided",
    value: {
      timeline,
      revision,
      pages: read.map(({ key, tuples }) => ({ key, tuples: tuples ?? [] })),
    },
  };
}
