/** What one evaluation may cost. A limit that is met is an error, never an answer. */
export interface EngineLimits {
  /**
   * Usersets that a path may lead through. At another depth the answer is the same or an error; in a
   * circle it can be an error at a greater one, where a longer way round is met before a shorter.
   */
  readonly depthMax: number;
  /** Goals visited and tuples looked at; of a list, for one element. */
  readonly stepsMax: number;
  /** After so many steps a list gives the event loop free: a slice ends with the element in hand. */
  readonly sliceStepsMax: number;
  /** After so many steps a batch of checks gives the event loop free, with the check in hand. */
  readonly batchStepsMax: number;
  /** Usersets that a list reaches on its search, and so its elements before each is verified. */
  readonly candidatesMax: number;
  /** Nodes of an explanation; the rest is left out, and marked so. */
  readonly explanationNodesMax: number;
  /** Subjects and usersets in the tree of an expansion. */
  readonly expandNodesMax: number;
}

export const defaultLimits: EngineLimits = {
  depthMax: 64,
  stepsMax: 100_000,
  // A step takes a microsecond or two, and a slice is begun again for every load of pages.
  sliceStepsMax: 500,
  batchStepsMax: 10_000,
  candidatesMax: 250_000,
  explanationNodesMax: 1_000,
  expandNodesMax: 10_000,
};

/** The steps that several evaluations took together. */
export class StepMeter {
  steps: number = 0;
}
