import assert from "node:assert/strict";
import type { Name, ObjectId } from "../core/object.ts";
import type { Subject } from "../core/subject.ts";
import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import { notMember, taking } from "./membership.ts";
import {
  findRelation,
  relationOf,
  type Plan,
  type RelationPlan,
  type RewritePlan,
} from "./plan.ts";
import type { Run } from "./run.ts";

/** What a step of a search has found, each id once in all. */
export interface Candidates<Found> {
  readonly found: readonly Found[];
  /** Those of `found` to which tuples lead that expire, or a path that is longer than `depthMax`. */
  readonly doubtful: readonly Found[];
}

/** What an expansion can be taken back to. */
export interface ExpansionMark {
  readonly starts: readonly Subject[];
  readonly open: readonly Walk[];
}

/**
 * Searches for the objects to which a subject could have the relation: all that tuples lead to against
 * their direction, whatever is intersected or subtracted, and whatever conditions say. A superset, in
 * no order; just these, conditions aside, where the relation is monotone.
 *
 * It can stop anywhere and go on with another run on the same revision and model: what it keeps in
 * between are texts and positions on pages, no symbols. Fails by the run's problem where more than
 * `candidatesMax` usersets are reached.
 */
export class ReverseExpansion {
  readonly #type: Name;
  readonly #relation: Name;
  readonly #goals = new Set<string>();
  /** Goals since the mark. */
  #fresh: string[] = [];
  #starts: Subject[] = [];
  #open: Walk[] = [];

  /** To a relation that the model of every run has. */
  constructor(type: Name, relation: Name) {
    this.#type = type;
    this.#relation = relation;
  }

  get isDone(): boolean {
    return this.#starts.length === 0 && this.#open.length === 0;
  }

  /** How many goals it keeps. */
  get weight(): number {
    return this.#goals.size + this.#open.length;
  }

  /** One more subject from which to search. */
  start(subject: Subject): void {
    this.#starts.push(subject);
  }

  /** Gives up the memory of what was reached, once it is done. */
  forget(): void {
    this.#goals.clear();
    this.#fresh = [];
  }

  /** The state to which `restore` can come back, until the next mark. */
  mark(): ExpansionMark {
    this.#fresh = [];
    return { starts: [...this.#starts], open: [...this.#open] };
  }

  restore({ starts, open }: ExpansionMark): void {
    for (const goal of this.#fresh) this.#goals.delete(goal);
    this.#fresh = [];
    this.#starts = [...starts];
    this.#open = [...open];
  }

  /**
   * Goes on until about `stepsMax` pages and tuples were looked at. Where the run missed pages, the
   * mark is to be restored.
   */
  advance(run: Run, stepsMax: number): Candidates<ObjectId> {
    const target = findRelation(run.plan, this.#type, this.#relation);
    assert(target !== undefined, "the relation is one of the model's");
    const advance = new Advance(run, target, stepsMax, this.#open, (goal) =>
      this.#isNew(run, goal),
    );
    for (let start = this.#starts.pop(); start !== undefined; start = this.#starts.pop()) {
      const subject = run.scope.findSubject(start);
      if (subject !== undefined) advance.start(subject);
      if (advance.isOver) return advance;
    }
    advance.walk();
    return advance;
  }

  #isNew(run: Run, goal: string): boolean {
    if (this.#goals.has(goal)) return false;
    const { candidatesMax } = run.limits;
    if (this.#goals.size >= candidatesMax) {
      run.fail("budget_exceeded", `more than ${candidatesMax} usersets could lead to the list`);
      return false;
    }
    this.#goals.add(goal);
    this.#fresh.push(goal);
    return true;
  }
}

/** The rest of one reverse page, whose objects have the relation `reached`. */
interface Walk {
  readonly subject: Subject;
  readonly tupleset: number;
  readonly reached: number;
  readonly position: number;
  readonly path: Path;
}

/** How something was reached. */
export interface Path {
  /** Usersets on the way, itself included. */
  readonly length: number;
  /** Whether no tuple on the way expires. */
  readonly isTimeless: boolean;
}

class Advance implements Candidates<ObjectId> {
  readonly found: ObjectId[] = [];
  readonly doubtful: ObjectId[] = [];
  readonly #run: Run;
  readonly #target: RelationPlan;
  readonly #arrows: Arrows;
  readonly #stepsMax: number;
  readonly #open: Walk[];
  readonly #isNew: (goal: string) => boolean;
  #steps = 0;

  constructor(
    run: Run,
    target: RelationPlan,
    stepsMax: number,
    open: Walk[],
    isNew: (goal: string) => boolean,
  ) {
    this.#run = run;
    this.#target = target;
    this.#arrows = arrowsTo(run.plan, target);
    this.#stepsMax = stepsMax;
    this.#open = open;
    this.#isNew = isNew;
  }

  /** Whether its steps are used, or a limit was met. */
  get isOver(): boolean {
    return this.#steps >= this.#stepsMax || this.#run.problem !== undefined;
  }

  start(subject: SubjectSymbol): void {
    this.#steps += 1;
    const { scope, plan } = this.#run;
    const type = scope.typeOf(subject);
    const kind = scope.kindOf(subject);
    for (const relation of this.#arrows.relations) {
      for (const restriction of relation.restrictions) {
        if (restriction.type !== type) continue;
        if (restriction.kind === kind) this.#against(subject, relation, relation, beginning);
        else if (restriction.kind === "wildcard" && kind === "object") {
          this.#againstEveryone(type, relation);
        }
      }
    }
    const name = scope.relationOf(subject);
    const itself = name === -1 ? undefined : relationOf(plan, type, name);
    if (itself !== undefined) this.#reach(scope.objectOf(subject), itself, beginning);
  }

  walk(): void {
    for (let walk = this.#open.pop(); walk !== undefined; walk = this.#open.pop()) {
      this.#follow(walk);
      if (this.isOver) return;
    }
  }

  /** All objects of the page have the relation `reached`. */
  #follow(walk: Walk): void {
    const run = this.#run;
    const tupleset = run.plan.relations[walk.tupleset];
    const reached = run.plan.relations[walk.reached];
    const subject = run.scope.findSubject(walk.subject);
    if (tupleset === undefined || reached === undefined || subject === undefined) return;
    const page = run.scope.reverse(subject, tupleset.type, tupleset.relation);
    if (page === undefined) return;
    for (let { position } = walk; position < page.count; position += 1) {
      if (this.isOver) {
        this.#open.push({ ...walk, position });
        return;
      }
      this.#steps += 1;
      const condition = page.conditionAt(position);
      const expiresAtMs = page.expiresAtMsAt(position);
      const held = run.hold(tupleset, subject, condition, expiresAtMs, taking, undefined);
      if (held === notMember) continue;
      const { path } = walk;
      const isTimeless = path.isTimeless && expiresAtMs === Infinity;
      this.#reach(
        page.objectAt(position),
        reached,
        isTimeless === path.isTimeless ? path : { ...path, isTimeless },
      );
    }
    // The page counts once it is done, so that the smallest of slices takes one tuple at least.
    this.#steps += 1;
  }

  #reach(object: SubjectSymbol, relation: RelationPlan, before: Path): void {
    const { scope, limits } = this.#run;
    const id = scope.idOf(object);
    if (!this.#isNew(`${relation.index} ${id}`)) return;
    const path = { ...before, length: before.length + 1 };
    if (relation === this.#target) {
      this.found.push(id);
      if (!path.isTimeless || path.length > limits.depthMax) this.doubtful.push(id);
    }
    this.#spread(object, relation, path);
  }

  /** From members of object#relation to members of what is computed from it. */
  #spread(object: SubjectSymbol, relation: RelationPlan, path: Path): void {
    const { scope } = this.#run;
    for (const computed of this.#arrows.computedFrom.get(relation.index) ?? []) {
      this.#reach(object, computed, path);
    }
    for (const holder of this.#arrows.heldBy.get(relation.index) ?? []) {
      this.#against(scope.userset(object, relation.relation), holder, holder, path);
    }
    for (const { tupleset, relation: through } of this.#arrows.readThrough.get(relation.index) ??
      []) {
      this.#against(object, tupleset, through, path);
    }
  }

  /** Once for all that start: no id is `*`. */
  #againstEveryone(type: NameNumber, relation: RelationPlan): void {
    const { scope } = this.#run;
    if (!this.#isNew(`${relation.index} *${scope.nameOf(type)}`)) return;
    this.#against(scope.wildcard(type), relation, relation, beginning);
  }

  #against(
    subject: SubjectSymbol,
    tupleset: RelationPlan,
    reached: RelationPlan,
    path: Path,
  ): void {
    this.#open.push({
      subject: this.#run.scope.subjectOf(subject),
      tupleset: tupleset.index,
      reached: reached.index,
      position: 0,
      path,
    });
  }
}

export const beginning: Path = { length: 0, isTimeless: true };

/** How members of one relation become members of another, of those that lead to the target. */
interface Arrows {
  readonly relations: readonly RelationPlan[];
  readonly computedFrom: ReadonlyMap<number, readonly RelationPlan[]>;
  /** Relations that may hold the relation as a userset. */
  readonly heldBy: ReadonlyMap<number, readonly RelationPlan[]>;
  readonly readThrough: ReadonlyMap<number, readonly Through[]>;
}

interface Through {
  readonly tupleset: RelationPlan;
  readonly relation: RelationPlan;
}

/** Walks from the target down its rewrites; what only subtracts leads nowhere. */
function arrowsTo(plan: Plan, target: RelationPlan): Arrows {
  const relations = new Set<RelationPlan>([target]);
  const computedFrom = new Map<number, RelationPlan[]>();
  const heldBy = new Map<number, RelationPlan[]>();
  const readThrough = new Map<number, Through[]>();
  // A set that grows while it is walked: every relation that is reached is walked once.
  for (const relation of relations) walk(relation.rewrite, relation);
  return { relations: [...relations].filter(holdsTuples), computedFrom, heldBy, readThrough };

  function walk(rewrite: RewritePlan, owner: RelationPlan): void {
    switch (rewrite.kind) {
      case "this":
        for (const { type, relation: name } of owner.restrictions) {
          const held = name === -1 ? undefined : relationOf(plan, type, name);
          if (held !== undefined) link(heldBy, held, owner);
        }
        return;
      case "computed_userset":
        link(computedFrom, rewrite.relation, owner);
        return;
      case "tuple_to_userset":
        for (const { type } of rewrite.tupleset.restrictions) {
          const read = relationOf(plan, type, rewrite.relation);
          if (read === undefined) continue;
          link(readThrough, read, { tupleset: rewrite.tupleset, relation: owner });
        }
        return;
      case "union":
      case "intersection":
        for (const operand of rewrite.of) walk(operand, owner);
        return;
      case "exclusion":
        walk(rewrite.base, owner);
        return;
    }
  }

  function link<Value>(map: Map<number, Value[]>, from: RelationPlan, to: Value): void {
    relations.add(from);
    const links = map.get(from.index);
    if (links === undefined) map.set(from.index, [to]);
    else if (!links.includes(to)) links.push(to);
  }
}

/** Whether the relation has a `this`, without which its restrictions are none. */
function holdsTuples({ restrictions }: RelationPlan): boolean {
  return restrictions.length > 0;
}
