import { toolType } from "../core/delegation.ts";
import { parseName, type ObjectId, type ObjectRef } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Evaluated } from "./graph.ts";
import type { TupleRange } from "./listing.ts";
import { relationOf } from "./plan.ts";
import { ReverseExpansion } from "./reverse-expansion.ts";
import type { Run } from "./run.ts";
import { SubjectSearch } from "./subject-search.ts";
import type { EngineError } from "./view.ts";

const tool = parseName(toolType, "type");
const toolRelation = parseName("tool", "relation");
/** A tool that is registered has a tuple of one of these. */
const registering = ["requires", "server"].map((name) => parseName(name, "relation"));

interface Found {
  readonly kind: "found";
  readonly found: readonly ObjectId[];
}

/**
 * Searches, slice by slice, for the tools that delegations may cover: what they name, and what is within
 * it. Where one covers everything of a type, all tools that may be registered are supplied.
 */
export class ToolSearch {
  readonly #places = new SubjectSearch((run, subject) => !run.scope.isUserset(subject));
  readonly #within = new ReverseExpansion(tool, parseName("within", "relation"));
  readonly #found = new Set<ObjectId>();
  readonly #given: readonly ObjectRef[] | undefined;
  /** Tools that are to be told, and ranges that are to be read, for a wildcard. */
  #supplied: readonly ObjectId[] = [];
  #ranges: readonly TupleRange[] = [];
  #coversAll = false;

  /** `given`: all tools that may be registered, if they are known beforehand. */
  constructor(given: readonly ObjectRef[] | undefined) {
    this.#given = given;
  }

  get isDone(): boolean {
    return (
      this.#places.isDone &&
      this.#within.isDone &&
      this.#ranges.length === 0 &&
      this.#supplied.length === 0
    );
  }

  get weight(): number {
    return this.#places.weight + this.#within.weight + this.#found.size + this.#supplied.length;
  }

  get wanted(): TupleRange | undefined {
    return (
      this.#places.wanted ??
      (this.#places.isDone && this.#within.isDone && this.#supplied.length === 0
        ? this.#ranges[0]
        : undefined)
    );
  }

  supply(tuples: readonly RelationTuple[], isLast: boolean): void {
    if (this.#places.wanted !== undefined) {
      this.#places.supply(tuples, isLast);
      return;
    }
    const [range, ...others] = this.#ranges;
    if (range === undefined) return;
    this.#supplied = tuples.map(({ object }) => object.id);
    this.#ranges = isLast ? others : [{ ...range, after: tuples.at(-1) }, ...others];
  }

  start(delegations: readonly ObjectRef[]): void {
    for (const delegation of delegations) this.#places.start(delegation, toolRelation);
  }

  /** Gives up the memory of what was reached, once it is done. */
  forget(): void {
    this.#places.forget();
    this.#within.forget();
    this.#found.clear();
  }

  /** Returns tools, each once in all; where pages are missing, all is as it was. */
  advance(run: Run): Evaluated<Found | EngineError> {
    if (!this.#places.isDone) return this.#searchPlaces(run);
    if (!this.#within.isDone) return this.#searchWithin(run);
    const found = this.#fresh(this.#supplied);
    this.#supplied = [];
    return { kind: "decided", value: { kind: "found", found } };
  }

  #searchPlaces(run: Run): Evaluated<Found | EngineError> {
    const mark = this.#places.mark();
    const { found: subjects } = this.#places.advance(run, run.limits.sliceStepsMax);
    if (run.scope.hasMissed) this.#places.restore(mark);
    if (run.scope.hasMissed || run.problem !== undefined) return run.finish(run.error());
    const { contract } = run.plan;
    const knowsWithin =
      contract !== undefined &&
      relationOf(run.plan, contract.toolType, contract.withinName) !== undefined;
    for (const subject of subjects) {
      if (subject.kind === "wildcard") this.#coverAll();
      else if (knowsWithin) this.#within.start(subject);
    }
    const found = this.#fresh(subjects.flatMap(toolOf));
    return { kind: "decided", value: { kind: "found", found } };
  }

  #searchWithin(run: Run): Evaluated<Found | EngineError> {
    const mark = this.#within.mark();
    const { found: ids } = this.#within.advance(run, run.limits.sliceStepsMax);
    if (run.scope.hasMissed) this.#within.restore(mark);
    if (run.scope.hasMissed || run.problem !== undefined) return run.finish(run.error());
    return { kind: "decided", value: { kind: "found", found: this.#fresh(ids) } };
  }

  #coverAll(): void {
    if (this.#coversAll) return;
    this.#coversAll = true;
    if (this.#given !== undefined) this.#supplied = this.#given.map(({ id }) => id);
    else {
      this.#ranges = registering.map((relation) => ({
        filter: { objectType: tool, relation },
        after: undefined,
      }));
    }
  }

  #fresh(ids: readonly ObjectId[]): readonly ObjectId[] {
    const fresh = ids.filter((id) => !this.#found.has(id));
    for (const id of fresh) this.#found.add(id);
    return [...new Set(fresh)];
  }
}

function toolOf(subject: Subject): readonly ObjectId[] {
  return subject.kind === "object" && subject.object.type === tool ? [subject.object.id] : [];
}
