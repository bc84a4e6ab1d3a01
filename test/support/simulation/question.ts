import type { PageKey } from "../../../src/core/page.ts";
import { parseName, parseObject } from "../../../src/core/object.ts";
import { parseRevision, type Revision, type Timeline } from "../../../src/core/revision.ts";
import { subjectOf } from "../../../src/core/subject.ts";
import { formatTuple, type RelationTuple } from "../../../src/core/tuple.ts";
import type { Evaluated } from "../../../src/engine/graph.ts";
import type { Snapshot } from "../../../src/replica/replica.ts";
import { readPage } from "./reading.ts";
import type { Chance } from "./scheduler.ts";

const viewer = parseName("viewer", "relation");
const principal = parseName("principal", "relation");
const delegate = parseName("delegate", "relation");
const weekdays = parseName("weekdays", "condition");
const documents = ["x", "y"].map((id) => parseObject("document", id, "object"));
const users = ["a", "b"].map((id) => parseObject("user", id, "subject"));
const agents = ["m", "n"].map((id) => parseObject("agent", id, "subject"));
const delegations = ["d", "e"].map((id) => parseObject("delegation", id, "object"));

/** What a check read, and when. */
export interface Answer {
  readonly timeline: Timeline;
  readonly revision: Revision;
  readonly modelId: string;
  readonly pages: readonly { readonly key: PageKey; readonly tuples: readonly string[] }[];
}

export interface AnyWrite {
  readonly deletes: readonly RelationTuple[];
  readonly creates: readonly RelationTuple[];
  readonly modelId: string | undefined;
  readonly text: string;
}

/** One of a handful of tuples that comes, is touched or goes, or another model. */
export function anyWrite(chance: Chance, nowMs: number): AnyWrite {
  if (chance.is(0.05)) {
    const modelId = chance.pick(["m1", "m2"]);
    return { deletes: [], creates: [], modelId, text: `activate ${modelId}` };
  }
  const tuple = anyTuple(chance);
  const creates = chance.is(0.5) ? [{ ...tuple, ...anyFacts(chance, nowMs) }] : [];
  const verb = creates.length > 0 ? "create" : "delete";
  return { deletes: [tuple], creates, modelId: undefined, text: `${verb} ${formatTuple(tuple)}` };
}

export function anyKeys(chance: Chance): readonly PageKey[] {
  const count = chance.pick([1, 1, 2, 3]);
  return Array.from({ length: count }, () => {
    const { object, relation, subject } = anyTuple(chance);
    return chance.pick<PageKey>([
      { kind: "forward", object, relation },
      { kind: "forward", object, relation },
      { kind: "object", object },
      { kind: "point", object, relation, subject },
      { kind: "reverse", subject, type: object.type, relation },
      { kind: "pair", principal: chance.pick(users), delegate: chance.pick(agents) },
    ]);
  });
}

export function readPages(snapshot: Snapshot, keys: readonly PageKey[]): Evaluated<Answer> {
  const read = keys.map((key) => ({ key, tuples: readPage(snapshot.graph, key) }));
  const pages = read.filter(({ tuples }) => tuples === undefined).map(({ key }) => key);
  if (pages.length > 0) return { kind: "missing", pages };
  const { timeline, modelId } = snapshot;
  const revision = parseRevision(snapshot.revision);
  return {
    kind: "decided",
    value: {
      timeline,
      revision,
      modelId,
      pages: read.map(({ key, tuples }) => ({ key, tuples: tuples ?? [] })),
    },
  };
}

function anyTuple(chance: Chance): RelationTuple {
  const user = subjectOf(chance.pick(users));
  if (chance.is(0.6)) return { object: chance.pick(documents), relation: viewer, subject: user };
  const object = chance.pick(delegations);
  if (chance.is(0.5)) return { object, relation: principal, subject: user };
  return { object, relation: delegate, subject: subjectOf(chance.pick(agents)) };
}

function anyFacts(chance: Chance, nowMs: number): Pick<RelationTuple, "condition" | "expiresAtMs"> {
  return {
    ...(chance.is(0.2)
      ? { condition: { name: weekdays, context: { day: chance.pick(["mon", "tue"]) } } }
      : {}),
    ...(chance.is(0.2) ? { expiresAtMs: Math.floor(nowMs + chance.next() * 2000) } : {}),
  };
}
