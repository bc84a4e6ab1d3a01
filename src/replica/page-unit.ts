import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { TupleFacts } from "../engine/graph.ts";
import type { TuplePage } from "./tuple-page.ts";

/** What is held and given up as one. */
export type PageUnit = ObjectUnit | PointUnit | ReverseUnit | PairUnit;

/** The forward pages of one object; where it is `whole`, a relation without a page is empty. */
export interface ObjectUnit extends UnitState {
  readonly kind: "object";
  readonly object: SubjectSymbol;
  whole: boolean;
  relations: NameNumber[];
  /** Side by side with `relations`. */
  pages: TuplePage[];
}

export interface PointUnit extends UnitState {
  readonly kind: "point";
  readonly object: SubjectSymbol;
  readonly relation: NameNumber;
  readonly subject: SubjectSymbol;
  facts: TupleFacts | "absent";
}

export interface ReverseUnit extends UnitState {
  readonly kind: "reverse";
  readonly subject: SubjectSymbol;
  readonly type: NameNumber;
  readonly relation: NameNumber;
  readonly page: TuplePage;
}

export interface PairUnit extends UnitState {
  readonly kind: "pair";
  readonly principal: SubjectSymbol;
  readonly delegate: SubjectSymbol;
  readonly page: TuplePage;
}

interface UnitState {
  /** Set by a read; it saves the unit from the hand of the clock once. */
  used: boolean;
  /** Evaluations that wait for this unit; while there are any it is not evicted. */
  pins: number;
  bytes: number;
  /** Place in the clock, kept by the clock; -1 where it is not in it. */
  slot: number;
  readonly owner: UnitOwner;
}

export interface UnitOwner {
  /** Forgets the unit, which is no longer in the clock. */
  forget(unit: PageUnit): void;
}
