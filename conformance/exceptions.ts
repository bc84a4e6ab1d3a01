/** Cases of the corpus that are answered otherwise on purpose, all for one reason. */
export interface ExceptionClass {
  readonly name: string;
  /** Why the corpus is not followed. */
  readonly reason: string;
  /** The file with the test of what is done instead. */
  readonly test: string;
  /** Ids of cases; each stands for the case with stored tuples and for that with contextual ones. */
  readonly cases: readonly string[];
}

export const exceptionClasses: readonly ExceptionClass[] = [
  {
    name: "own absence",
    reason:
      "the model lets a relation depend on its own absence: it has no least fixpoint, and is refused when it is written",
    test: "test/conformance/exceptions.test.ts",
    cases: [
      "true_butnot_cycle_return_false/1/check/1",
      "true_butnot_cycle_return_false/1/list_objects/1",
      "false_butnot_cycle_return_false/1/check/1",
      "false_butnot_cycle_return_false/1/list_objects/1",
    ],
  },
  {
    name: "parameter not asked for",
    reason:
      "a missing parameter is an error only where the answer hangs on it: a definite grant, by another tuple or another operand of `||`, needs no more",
    test: "test/conformance/exceptions.test.ts",
    cases: [
      "direct_relations_with_condition/1/check/4",
      "direct_relations_with_condition/1/check/5",
      "direct_relations_with_condition/1/list_subjects/2",
      "relation_through_ttu_with_condition/1/list_subjects/2",
      "relation_through_ttu_with_condition/1/list_subjects/3",
    ],
  },
];

/** A model of the corpus that is refused as it stands, and the nearest one that is not. */
export interface Amendment {
  readonly reason: string;
  /** The test and the number of its stage from 1. */
  readonly stage: string;
  readonly replace: string;
  readonly by: string;
}

/**
 * Their cases are asked under the amended model, and count like all others. That the model of the
 * corpus itself is refused is part of each case.
 */
export const amendments: readonly Amendment[] = [
  {
    reason:
      "`group#member` depends on its own absence through a kind of subject that `group#blocked` takes and none of the tuples uses: it is left out",
    stage: "list_objects_expands_wildcard_tuple/3",
    replace: "define blocked: [user, group#member] or blocked from parent",
    by: "define blocked: [user] or blocked from parent",
  },
];
