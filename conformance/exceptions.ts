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
      "the tuples make a member of whoever is none, and the other way round: no answer is right, so the question fails",
    test: "test/conformance/exceptions.test.ts",
    cases: [
      "true_butnot_cycle_return_false/1/check/1",
      "true_butnot_cycle_return_false/1/list_objects/1",
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

/**
 * Stages whose models let a relation depend on its own absence by way of tuples. Such a model is refused
 * unless its author allows that in so many words: that it is refused without is part of their cases.
 */
export const ownAbsenceStages: readonly string[] = [
  "list_objects_expands_wildcard_tuple/3",
  "true_butnot_cycle_return_false/1",
  "false_butnot_cycle_return_false/1",
];
