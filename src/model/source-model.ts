import type { ParameterType } from "./condition.ts";
import type { Position } from "./finding.ts";

/**
 * A model as it was written: nothing in it is believed yet. Names are text, and every declaration
 * knows where it stands. It is plain data, so that it crosses threads and becomes JSON as it is.
 */
export interface SourceModel {
  readonly schemaVersion: string;
  readonly types: readonly SourceType[];
  readonly conditions: readonly SourceCondition[];
}

export interface SourceType {
  readonly name: string;
  readonly relations: readonly SourceRelation[];
  /** True of `extend type`, which adds to a type of another module. */
  readonly extending: boolean;
  readonly position: Position;
}

export interface SourceRelation {
  readonly name: string;
  readonly rewrite: SourceRewrite;
  readonly restrictions: readonly SourceRestriction[];
  readonly position: Position;
}

export interface SourceRestriction {
  readonly type: string;
  readonly form: "object" | "wildcard" | "userset";
  readonly relation?: string;
  readonly condition?: string;
}

export type SourceRewrite =
  | { readonly kind: "this" }
  | { readonly kind: "computed_userset"; readonly relation: string }
  | { readonly kind: "tuple_to_userset"; readonly tupleset: string; readonly relation: string }
  | { readonly kind: "union"; readonly of: readonly SourceRewrite[] }
  | { readonly kind: "intersection"; readonly of: readonly SourceRewrite[] }
  | { readonly kind: "exclusion"; readonly base: SourceRewrite; readonly subtract: SourceRewrite };

export interface SourceCondition {
  readonly name: string;
  readonly parameters: readonly SourceParameter[];
  readonly expression: string;
  readonly position: Position;
}

export interface SourceParameter {
  readonly name: string;
  readonly type: ParameterType;
}

/** The leaves of a rewrite, from left to right. */
export function* leavesOf(rewrite: SourceRewrite): Generator<SourceRewrite> {
  switch (rewrite.kind) {
    case "this":
    case "computed_userset":
    case "tuple_to_userset":
      yield rewrite;
      return;
    case "union":
    case "intersection":
      for (const child of rewrite.of) yield* leavesOf(child);
      return;
    case "exclusion":
      yield* leavesOf(rewrite.base);
      yield* leavesOf(rewrite.subtract);
  }
}
