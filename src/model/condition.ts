import type { JsonObject } from "../core/json.ts";
import type { Name } from "../core/object.ts";
import type { Now } from "../core/now.ts";

/** A compiled condition: a CEL expression over typed parameters. */
export interface Condition {
  readonly name: Name;
  readonly parameters: ReadonlyMap<string, ParameterType>;
  readonly expression: string;
  /** True where the expression reads `current_time`, which is the server's and nobody else's. */
  readonly readsTime: boolean;
  /**
   * Evaluates with the stored context over the request's. `current_time` is judged at both ends of
   * `now`: `met` only if it holds at both, `met_at_either` if at one of them. Pure, never throws:
   * what goes wrong inside is `failed`.
   */
  readonly evaluate: (stored: JsonObject, request: JsonObject, now: Now) => ConditionOutcome;
}

export type ConditionOutcome =
  | { readonly kind: "met" }
  | { readonly kind: "met_at_either" }
  | { readonly kind: "not_met" }
  /** The answer hangs on these parameters, which neither context has. Sorted. */
  | { readonly kind: "needs"; readonly names: readonly string[] }
  /** A value of the wrong type, an error of the expression, or its cost limit met. */
  | {
      readonly kind: "failed";
      readonly code: "wrong_type" | "expression_error" | "cost_exceeded";
      readonly detail: string;
    };

export type ParameterType =
  | {
      readonly kind:
        | "bool"
        | "string"
        | "int"
        | "uint"
        | "double"
        | "duration"
        | "timestamp"
        | "ipaddress"
        | "any";
    }
  | { readonly kind: "list" | "map"; readonly of: ParameterType };
