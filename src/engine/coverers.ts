import type { ObjectId, ObjectRef } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { Checker } from "./checker.ts";
import { closureOf } from "./closure.ts";
import type { Contract } from "./contract.ts";
import type { Evaluated } from "./graph.ts";
import { member, notMember, taking, union, type Membership } from "./membership.ts";
import { relationOf } from "./plan.ts";
import { ReverseExpansion } from "./reverse-expansion.ts";
import type { Run } from "./run.ts";
import type { EngineError } from "./view.ts";

/** By which relation a delegation is to cover the object. */
export type Covering = "tool" | "resource" | "session";

interface Found {
  readonly kind: "found";
  readonly ids: readonly ObjectId[];
}

/**
 * Searches, slice by slice, for the delegations that may let something through, for one who wants to
 * revoke them: wildcards and `within` count, conditions are ignored, and in doubt a delegation is found.
 */
export class CoverSearch {
  readonly #object: ObjectRef;
  readonly #covering: Covering;
  #expansion: ReverseExpansion | undefined;

  constructor(covering: Covering, object: ObjectRef) {
    this.#covering = covering;
    this.#object = object;
  }

  get isDone(): boolean {
    return this.#expansion?.isDone === true;
  }

  get weight(): number {
    return this.#expansion?.weight ?? 0;
  }

  /** Gives up the memory of what was reached, once it is done. */
  forget(): void {
    this.#expansion?.forget();
  }

  /** Returns candidates, each once in all; where pages are missing, all is as it was. */
  advance(run: Run, contract: Contract): Evaluated<Found | EngineError> {
    const relation = contract[this.#covering];
    if (this.#expansion === undefined) {
      const places = this.#placesIn(run, contract);
      if (run.problem !== undefined || run.scope.hasMissed) return run.finish(run.error());
      const expansion = new ReverseExpansion(relation.typeName, relation.relationName);
      for (const place of places) expansion.start(run.scope.subjectOf(place));
      this.#expansion = expansion;
      return { kind: "decided", value: { kind: "found", ids: [] } };
    }
    const mark = this.#expansion.mark();
    const { found: ids } = this.#expansion.advance(run, run.limits.sliceStepsMax);
    if (run.scope.hasMissed) this.#expansion.restore(mark);
    if (run.scope.hasMissed || run.problem !== undefined) return run.finish(run.error());
    return { kind: "decided", value: { kind: "found", ids } };
  }

  /**
   * Tells whether a candidate covers the object: `needs` where that hangs on a condition. Where nothing
   * is intersected or subtracted on the way all candidates do, and none is looked at.
   */
  judgeIn(run: Run, contract: Contract): (delegation: SubjectSymbol) => Membership {
    const relation = contract[this.#covering];
    if (relation.monotone) return () => member;
    const checkers = this.#placesIn(run, contract).map(
      (place) => new Checker(run, place, undefined),
    );
    return (delegation) => {
      let result = notMember;
      for (const checker of checkers) {
        result = union(result, checker.check(delegation, relation, taking));
        if (result === member) break;
      }
      return result;
    };
  }

  /** The object and all that it is, or may be, within. */
  #placesIn(run: Run, contract: Contract): readonly SubjectSymbol[] {
    const object = run.scope.object(this.#object);
    const within =
      this.#covering === "session"
        ? undefined
        : relationOf(run.plan, run.scope.typeOf(object), contract.withinName);
    if (within === undefined) return [object];
    const closure = closureOf(run, object, within, taking, {});
    return [object, ...closure.elements.map((element) => element.object)];
  }
}
