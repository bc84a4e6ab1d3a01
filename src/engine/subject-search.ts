import type { Name, ObjectRef } from "../core/object.ts";
import { formatSubject, type Subject } from "../core/subject.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { TupleRange } from "./listing.ts";
import { notMember, taking } from "./membership.ts";
import { findRelation, relationOf, type RelationPlan, type RewritePlan } from "./plan.ts";
import { beginning, type Candidates, type Path } from "./reverse-expansion.ts";
import type { Run } from "./run.ts";

/** What a search can be taken back to. */
export interface SearchMark {
  readonly starts: readonly Userset[];
  readonly open: readonly Walk[];
  readonly large: readonly Large[];
}

/** Whether a subject that was come upon is looked for. */
export type IsSought = (run: Run, subject: SubjectSymbol) => boolean;

interface Userset {
  readonly object: ObjectRef;
  readonly relation: Name;
}

/** The rest of one forward page. */
interface Walk extends Userset {
  /** Set where the page is a tupleset's: what is read of its objects. */
  readonly through: Name | undefined;
  readonly position: number;
  readonly path: Path;
  /** Whether the page was whole when it was begun: where it ever is not, all of it is supplied. */
  readonly complete: boolean | undefined;
}

/** A page that lists some of its tuples only: all of them are to be supplied. */
interface Large {
  readonly walk: Walk;
  readonly after: RelationTuple | undefined;
}

/**
 * Searches for the subjects that any tuple below some usersets names, and for the usersets that lie on
 * the way, what is subtracted included: whoever is not among them is treated as everyone of the type
 * is. In no order.
 *
 * It can stop anywhere, as `ReverseExpansion` can, and has the same limit. Relations with too many
 * tuples for a page are read from outside: see `wanted`.
 */
export class SubjectSearch {
  readonly #isSought: IsSought;
  readonly #goals = new Set<string>();
  readonly #found = new Set<string>();
  /** Goals and finds since the mark. */
  #freshGoals: string[] = [];
  #freshFinds: string[] = [];
  #starts: Userset[] = [];
  #open: Walk[] = [];
  #large: Large[] = [];
  #supplied: readonly RelationTuple[] = [];
  #suppliedFor: Walk | undefined;

  constructor(isSought: IsSought) {
    this.#isSought = isSought;
  }

  get isDone(): boolean {
    return (
      this.#starts.length === 0 &&
      this.#open.length === 0 &&
      this.#large.length === 0 &&
      this.#supplied.length === 0
    );
  }

  /** How many goals and finds it keeps. */
  get weight(): number {
    return this.#goals.size + this.#found.size + this.#open.length + this.#supplied.length;
  }

  /** Set as soon as nothing else is left to walk: the next tuples of a large relation. */
  get wanted(): TupleRange | undefined {
    const [large] = this.#large;
    const isBusy = this.#starts.length + this.#open.length + this.#supplied.length > 0;
    if (large === undefined || isBusy) return undefined;
    const { object, relation } = large.walk;
    const filter = { objectType: object.type, objectId: object.id, relation };
    return { filter, after: large.after };
  }

  supply(tuples: readonly RelationTuple[], isLast: boolean): void {
    const [large, ...others] = this.#large;
    if (large === undefined) return;
    this.#supplied = tuples;
    this.#suppliedFor = large.walk;
    this.#large = isLast ? others : [{ ...large, after: tuples.at(-1) }, ...others];
  }

  /** One more userset below which to search. */
  start(object: ObjectRef, relation: Name): void {
    this.#starts.push({ object, relation });
  }

  /** Gives up the memory of what was reached, once it is done. */
  forget(): void {
    this.#goals.clear();
    this.#found.clear();
    this.mark();
  }

  /** The state to which `restore` can come back, until the next mark. */
  mark(): SearchMark {
    this.#freshGoals = [];
    this.#freshFinds = [];
    return { starts: [...this.#starts], open: [...this.#open], large: [...this.#large] };
  }

  restore({ starts, open, large }: SearchMark): void {
    for (const goal of this.#freshGoals) this.#goals.delete(goal);
    for (const find of this.#freshFinds) this.#found.delete(find);
    this.#starts = [...starts];
    this.#open = [...open];
    this.#large = [...large];
  }

  /**
   * Goes on until about `stepsMax` pages and tuples were looked at. Where the run missed pages, the
   * mark is to be restored.
   */
  advance(run: Run, stepsMax: number): Candidates<Subject> {
    const step = new Step(run, stepsMax, this.#open, {
      isNewGoal: (goal) => this.#isNew(run, this.#goals, this.#freshGoals, goal),
      isNewFind: (subject, text) =>
        this.#isSought(run, subject) && this.#isNew(run, this.#found, this.#freshFinds, text()),
      large: (walk) => this.#large.push({ walk, after: undefined }),
    });
    // What is supplied misses no page, so that there is nothing to take back.
    if (this.#supplied.length > 0 && this.#suppliedFor !== undefined) {
      step.take(this.#suppliedFor, this.#supplied);
      this.#supplied = [];
      return step;
    }
    for (let start = this.#starts.pop(); start !== undefined; start = this.#starts.pop()) {
      const relation = findRelation(run.plan, start.object.type, start.relation);
      if (relation !== undefined) step.reach(run.scope.object(start.object), relation, beginning);
      if (step.isOver) return step;
    }
    step.walk();
    return step;
  }

  #isNew(run: Run, known: Set<string>, fresh: string[], text: string): boolean {
    if (known.has(text)) return false;
    const { candidatesMax } = run.limits;
    if (known.size >= candidatesMax) {
      run.fail("budget_exceeded", `more than ${candidatesMax} subjects could lead to the list`);
      return false;
    }
    known.add(text);
    fresh.push(text);
    return true;
  }
}

/** What a step tells the search. */
interface Memory {
  readonly isNewGoal: (goal: string) => boolean;
  readonly isNewFind: (subject: SubjectSymbol, text: () => string) => boolean;
  readonly large: (walk: Walk) => void;
}

class Step implements Candidates<Subject> {
  readonly found: Subject[] = [];
  readonly doubtful: Subject[] = [];
  readonly #run: Run;
  readonly #stepsMax: number;
  readonly #open: Walk[];
  readonly #memory: Memory;
  #steps = 0;

  constructor(run: Run, stepsMax: number, open: Walk[], memory: Memory) {
    this.#run = run;
    this.#stepsMax = stepsMax;
    this.#open = open;
    this.#memory = memory;
  }

  /** Whether its steps are used, or a limit was met. */
  get isOver(): boolean {
    return this.#steps >= this.#stepsMax || this.#run.problem !== undefined;
  }

  reach(object: SubjectSymbol, relation: RelationPlan, before: Path): void {
    this.#steps += 1;
    const { scope } = this.#run;
    if (!this.#memory.isNewGoal(`${relation.index} ${scope.idOf(object)}`)) return;
    // The userset itself is a member at once, what it holds only below it.
    this.#find(scope.userset(object, relation.relation), before);
    const path = { ...before, length: before.length + 1 };
    this.#spread(relation.rewrite, object, relation, path);
  }

  walk(): void {
    for (let walk = this.#open.pop(); walk !== undefined; walk = this.#open.pop()) {
      this.#follow(walk);
      if (this.isOver) return;
    }
  }

  /** All of the tuples, of one page, that a walk could not see. */
  take(walk: Walk, tuples: readonly RelationTuple[]): void {
    const run = this.#run;
    const relation = findRelation(run.plan, walk.object.type, walk.relation);
    if (relation === undefined) return;
    for (const { subject: ref, condition, expiresAtMs = Infinity } of tuples) {
      const subject = run.scope.findSubject(ref);
      if (subject === undefined) continue;
      const held = run.hold(relation, subject, condition, expiresAtMs, taking, undefined);
      if (held !== notMember) this.#lead(walk, subject, expiresAtMs);
    }
  }

  #follow(walk: Walk): void {
    const run = this.#run;
    const relation = findRelation(run.plan, walk.object.type, walk.relation);
    if (relation === undefined) return;
    const page = run.scope.forward(run.scope.object(walk.object), relation.relation);
    if (page === undefined) return;
    const { complete } = page;
    if (!complete && walk.complete !== false) this.#memory.large(walk);
    for (let at = walk.position; at < page.count; at += 1) {
      if (this.isOver) {
        this.#open.push({ ...walk, position: at, complete });
        return;
      }
      this.#steps += 1;
      const subject = page.subjectAt(at);
      const condition = page.conditionAt(at);
      const expiresAtMs = page.expiresAtMsAt(at);
      const held = run.hold(relation, subject, condition, expiresAtMs, taking, undefined);
      if (held !== notMember) this.#lead(walk, subject, expiresAtMs);
    }
    // The page counts once it is done, so that the smallest of slices takes one tuple at least.
    this.#steps += 1;
  }

  /** A tuple names the subject. */
  #lead(walk: Walk, subject: SubjectSymbol, expiresAtMs: number): void {
    const { scope, plan } = this.#run;
    const { through } = walk;
    const isTimeless = walk.path.isTimeless && expiresAtMs === Infinity;
    const path = isTimeless === walk.path.isTimeless ? walk.path : { ...walk.path, isTimeless };
    if (through === undefined) {
      this.#find(subject, path);
      const name = scope.relationOf(subject);
      const held = name === -1 ? undefined : relationOf(plan, scope.typeOf(subject), name);
      if (held !== undefined) this.reach(scope.objectOf(subject), held, path);
      return;
    }
    if (scope.kindOf(subject) !== "object") return;
    const read = findRelation(plan, scope.nameOf(scope.typeOf(subject)), through);
    if (read !== undefined) this.reach(subject, read, path);
  }

  #find(symbol: SubjectSymbol, path: Path): void {
    const { scope, limits } = this.#run;
    if (!this.#memory.isNewFind(symbol, () => formatSubject(scope.subjectOf(symbol)))) return;
    const subject = scope.subjectOf(symbol);
    this.found.push(subject);
    if (!path.isTimeless || path.length > limits.depthMax) this.doubtful.push(subject);
  }

  #spread(rewrite: RewritePlan, object: SubjectSymbol, relation: RelationPlan, path: Path): void {
    switch (rewrite.kind) {
      case "this":
        this.#against(object, relation, undefined, path);
        return;
      case "computed_userset":
        this.reach(object, rewrite.relation, path);
        return;
      case "tuple_to_userset": {
        const through = this.#run.scope.nameOf(rewrite.relation);
        this.#against(object, rewrite.tupleset, through, path);
        return;
      }
      case "union":
      case "intersection":
        for (const operand of rewrite.of) this.#spread(operand, object, relation, path);
        return;
      case "exclusion":
        this.#spread(rewrite.base, object, relation, path);
        this.#spread(rewrite.subtract, object, relation, path);
        return;
    }
  }

  #against(
    object: SubjectSymbol,
    { relationName }: RelationPlan,
    through: Name | undefined,
    path: Path,
  ): void {
    const ref = this.#run.scope.refOf(object);
    const rest = { through, path, position: 0, complete: undefined };
    this.#open.push({ object: ref, relation: relationName, ...rest });
  }
}
