import type { RelationTuple } from "../src/core/tuple.ts";
import { parseModel } from "../src/model/parse-model.ts";
import type { Database } from "../src/store/database.ts";
import type { RelationTupleTable } from "../src/store/schema.ts";
import { tupleOfRow } from "../src/store/tuple-row.ts";
import { judgeOf } from "../test/support/reference/delegated.ts";
import { worldOf } from "../test/support/reference/world.ts";
import type { CheckRecord, Recording, WriteRecord } from "./record.ts";
import { callOf, modelText, questions, type Question } from "./world.ts";

/** What the database says that happened: the order of the revisions, and who lived when. */
interface Truth {
  readonly head: number;
  /** The reason of each revision, which names its write. */
  readonly reasons: readonly string[];
  readonly tuples: readonly Dated[];
}

interface Dated {
  readonly tuple: RelationTuple;
  readonly createdAt: number;
  readonly deletedAt: number;
}

interface RevisionRow {
  readonly rev: number;
  readonly reason: string;
}

export interface Verified {
  readonly violations: readonly string[];
  /** Checks right after an OK, of a node that had just had a fault. */
  readonly afterOkOnTroubled: number;
  readonly judged: number;
}

type Judge = (question: Question, revision: number) => boolean;

const shortlyMs = 50;

/**
 * Of every check: no write that was answered before it was sent is missing from its revision, no
 * write that was sent after it was answered is in it, and its answers are the reference's there.
 */
export async function verify(
  database: Database,
  tenants: readonly string[],
  recording: Recording,
): Promise<Verified> {
  const violations: string[] = [];
  let afterOkOnTroubled = 0;
  let judged = 0;
  for (const tenant of tenants) {
    const truth = await readTruth(database, tenant);
    const writes = recording.writes.filter((write) => write.tenant === tenant);
    violations.push(...lostWrites(truth, writes));
    const order = new Order(writes);
    const judge = judgeIn(truth);
    for (const check of recording.checks.filter((each) => each.tenant === tenant)) {
      const { latest, latestMs } = order.enforcedBefore(check.invokedMs);
      if (check.troubled && check.invokedMs - latestMs < shortlyMs) afterOkOnTroubled += 1;
      const wrong = wrongIn(check, truth, latest, order, judge);
      judged += check.answers.length;
      if (wrong !== undefined) violations.push(`${tenant}, ${check.node}: ${wrong}`);
    }
  }
  return { violations, afterOkOnTroubled, judged };
}

function wrongIn(
  check: CheckRecord,
  truth: Truth,
  latest: number,
  order: Order,
  judge: Judge,
): string | undefined {
  const { revision } = check;
  if (revision < latest) return `answers at ${revision}, after ${latest} was answered with OK`;
  if (revision > truth.head) return `answers at ${revision}, which there never was`;
  const invokedMs = order.invokedMs(truth.reasons[revision - 1] ?? "");
  if (invokedMs > check.returnedMs) return `answers at ${revision} before it was written`;
  for (const { question, allowed } of check.answers) {
    if (judge(question, revision) !== allowed) {
      const asked = `${question.user}, ${question.agent.id}, ${question.document.id}`;
      return `${allowed ? "allows" : "denies"} ${asked} at ${revision}: the reference does not`;
    }
  }
  return undefined;
}

/** An OK without its revision: an answered write was lost. */
function lostWrites(truth: Truth, writes: readonly WriteRecord[]): readonly string[] {
  return writes
    .filter(({ id, ok }) => ok !== undefined && truth.reasons[ok.revision - 1] !== id)
    .map(({ id, ok }) => `${id} was answered with OK as ${ok?.revision}, and is not there`);
}

/** When writes were sent, and answered. */
class Order {
  readonly #invokedMs: ReadonlyMap<string, number>;
  /** By time, with the highest revision that was answered so far. */
  readonly #oks: readonly { readonly atMs: number; readonly latest: number }[];

  constructor(writes: readonly WriteRecord[]) {
    this.#invokedMs = new Map(writes.map(({ id, invokedMs }) => [id, invokedMs]));
    let latest = 0;
    this.#oks = writes
      .flatMap(({ ok }) => (ok === undefined ? [] : [ok]))
      .toSorted((left, right) => left.returnedMs - right.returnedMs)
      .map(({ returnedMs, revision }) => {
        latest = Math.max(latest, revision);
        return { atMs: returnedMs, latest };
      });
  }

  /** What was written before the clients began was sent long ago. */
  invokedMs(id: string): number {
    return this.#invokedMs.get(id) ?? -Infinity;
  }

  enforcedBefore(atMs: number): { readonly latest: number; readonly latestMs: number } {
    let low = 0;
    let high = this.#oks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#oks[middle]?.atMs ?? Infinity) < atMs) low = middle + 1;
      else high = middle;
    }
    const last = this.#oks[low - 1];
    return { latest: last?.latest ?? 0, latestMs: last?.atMs ?? -Infinity };
  }
}

/** The reference evaluator, which shares no code with the engine, on the tuples of a revision. */
function judgeIn(truth: Truth): Judge {
  const model = parseModel(modelText);
  // Nothing here expires.
  const now = { earliestMs: 0, latestMs: 0 };
  const judges = new Map<number, ReturnType<typeof judgeOf>>();
  const known = new Map<string, boolean>();
  return (question, revision) => {
    const key = `${questions.indexOf(question)} ${revision}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const judge = judges.get(revision) ?? judgeOf(worldOf(model, tuplesAt(truth, revision), now));
    judges.set(revision, judge);
    const allowed = judge(callOf(question)).kind === "allowed";
    known.set(key, allowed);
    return allowed;
  };
}

function tuplesAt({ tuples }: Truth, revision: number): readonly RelationTuple[] {
  return tuples
    .filter(({ createdAt, deletedAt }) => createdAt <= revision && revision < deletedAt)
    .map(({ tuple }) => tuple);
}

async function readTruth(database: Database, tenant: string): Promise<Truth> {
  const revisions = await database.query<RevisionRow>(
    "reads",
    {
      name: "chaos_revisions",
      text: "select rev, reason from revision where tenant_id = $1 order by rev",
    },
    [tenant],
  );
  const rows = await database.query<RelationTupleTable>(
    "reads",
    { name: "chaos_tuples", text: "select * from relation_tuple where tenant_id = $1" },
    [tenant],
  );
  return {
    head: revisions.length,
    reasons: revisions.map(({ reason }) => reason),
    tuples: rows.map((row) => ({
      tuple: tupleOfRow(row),
      createdAt: row.created_rev,
      deletedAt: row.deleted_rev ?? Infinity,
    })),
  };
}
