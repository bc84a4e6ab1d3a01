import { parseModel } from "../src/model/parse-model.ts";
import { judgeOf } from "../test/support/reference/delegated.ts";
import { worldOf } from "../test/support/reference/world.ts";
import type { CheckRecord, Recording, WriteRecord } from "./record.ts";
import { tuplesAt, type Truth, type Truths } from "./truth.ts";
import { callOf, modelText, questions, type Question } from "./world.ts";

export interface Verified {
  readonly violations: readonly string[];
  /** Writes that were answered with OK and are not there in the end: violations as well. */
  readonly lost: number;
  /** Revisions that a failover took back: nobody was told OK of them. */
  readonly takenBack: number;
  /** Checks right after an OK, of a node that had just had a fault. */
  readonly afterOkOnTroubled: number;
  readonly judged: number;
}

type Judge = (question: Question, revision: number) => boolean;

const shortlyMs = 50;
const nothing: Truth = { head: 0, reasons: [], committedMs: [], tuples: [] };

/**
 * Of every check: no write that was answered before it was sent is missing from its revision, no
 * write that was sent after it was answered is in it, and its answers are the reference's there. Of
 * every answered write: it is there, where its answer says. `timelines` are in the order in which they
 * came, the last one is what is left.
 */
export function verify(
  timelines: ReadonlyMap<string, Truths>,
  tenants: readonly string[],
  recording: Recording,
): Verified {
  const violations: string[] = [];
  const totals = { lost: 0, takenBack: 0, afterOkOnTroubled: 0, judged: 0 };
  for (const tenant of tenants) {
    const truths = new Map(
      [...timelines].map(([timeline, each]) => [timeline, each.get(tenant) ?? nothing]),
    );
    const last = [...truths.values()].at(-1) ?? nothing;
    const writes = recording.writes.filter((write) => write.tenant === tenant);
    const lost = lostWrites(last, writes);
    totals.lost += lost.length;
    totals.takenBack += takenBack(truths, last);
    violations.push(...lost, ...misplacedWrites(truths, writes));
    const order = new Order(writes);
    const judges = new Map([...truths].map(([timeline, truth]) => [timeline, judgeIn(truth)]));
    for (const check of recording.checks.filter((each) => each.tenant === tenant)) {
      const before = order.enforcedBefore(check.invokedMs);
      if (check.troubled && check.invokedMs - before.latestMs < shortlyMs) {
        totals.afterOkOnTroubled += 1;
      }
      const truth = truths.get(check.timeline) ?? nothing;
      const judge = judges.get(check.timeline) ?? judgeIn(nothing);
      const wrong = wrongIn(check, truth, before, order, judge);
      totals.judged += check.answers.length;
      if (wrong !== undefined) violations.push(`${tenant}, ${check.node}: ${wrong}`);
    }
  }
  return { violations, ...totals };
}

function wrongIn(
  check: CheckRecord,
  truth: Truth,
  { latest, latestId }: Enforced,
  order: Order,
  judge: Judge,
): string | undefined {
  const { revision } = check;
  const at = `${check.timeline}/${revision}`;
  if (revision < latest) return `answers at ${at}, after ${latest} was answered with OK`;
  if (latest > 0 && truth.reasons[latest - 1] !== latestId) {
    return `answers at ${at}, where ${latest} is not ${latestId}, which was answered with OK`;
  }
  if (revision > truth.head) return `answers at ${at}, which there never was`;
  const invokedMs = order.invokedMs(truth.reasons[revision - 1] ?? "");
  if (invokedMs > check.returnedMs) return `answers at ${at} before it was written`;
  for (const { question, allowed } of check.answers) {
    if (judge(question, revision) !== allowed) {
      const asked = `${question.user}, ${question.agent.id}, ${question.document.id}`;
      return `${allowed ? "allows" : "denies"} ${asked} at ${at}: the reference does not`;
    }
  }
  return undefined;
}

/** An OK without its revision: an answered write was lost. */
function lostWrites(last: Truth, writes: readonly WriteRecord[]): readonly string[] {
  return writes
    .filter(({ id, ok }) => ok !== undefined && last.reasons[ok.revision - 1] !== id)
    .map(({ id, ok }) => `${id} was answered with OK as ${ok?.revision}, and is not there`);
}

/** A revision of a timeline is one write's: nobody else's is ever answered with it. */
function misplacedWrites(
  truths: ReadonlyMap<string, Truth>,
  writes: readonly WriteRecord[],
): readonly string[] {
  return writes.flatMap(({ id, ok }) => {
    const there = truths.get(ok?.timeline ?? "")?.reasons[(ok?.revision ?? 0) - 1];
    if (ok === undefined || there === id) return [];
    return [`${id} was answered with OK as ${ok.timeline}/${ok.revision}, which is ${there}`];
  });
}

function takenBack(truths: ReadonlyMap<string, Truth>, last: Truth): number {
  const ids = [...truths.values()].flatMap(({ reasons }) =>
    reasons.filter((reason, index) => last.reasons[index] !== reason),
  );
  return new Set(ids).size;
}

interface Enforced {
  readonly latest: number;
  readonly latestId: string;
  readonly latestMs: number;
}

/** When writes were sent, and answered. */
class Order {
  readonly #invokedMs: ReadonlyMap<string, number>;
  /** By time, with the highest revision that was answered so far. */
  readonly #oks: readonly { readonly atMs: number; readonly enforced: Enforced }[];

  constructor(writes: readonly WriteRecord[]) {
    this.#invokedMs = new Map(writes.map(({ id, invokedMs }) => [id, invokedMs]));
    let latest = 0;
    let latestId = "";
    this.#oks = writes
      .flatMap(({ id, ok }) => (ok === undefined ? [] : [{ id, ...ok }]))
      .toSorted((left, right) => left.returnedMs - right.returnedMs)
      .map(({ id, returnedMs, revision }) => {
        if (revision > latest) [latest, latestId] = [revision, id];
        return { atMs: returnedMs, enforced: { latest, latestId, latestMs: returnedMs } };
      });
  }

  /** What was written before the clients began was sent long ago. */
  invokedMs(id: string): number {
    return this.#invokedMs.get(id) ?? -Infinity;
  }

  enforcedBefore(atMs: number): Enforced {
    let low = 0;
    let high = this.#oks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#oks[middle]?.atMs ?? Infinity) < atMs) low = middle + 1;
      else high = middle;
    }
    return this.#oks[low - 1]?.enforced ?? { latest: 0, latestId: "", latestMs: -Infinity };
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
