import type { Findings } from "./finding.ts";
import { hashesOfModel, LiveSum, modelElement, tupleElement } from "./live-sum.ts";
import type { LivePart, TuplesPart } from "./log-part.ts";

/** What of that which counts now was held against the changes. */
export interface LiveReport {
  /** As of which revision. */
  readonly revision: number;
  readonly tuples: number;
  /** Whether the changes say what counts: not where there were some before it was summed up. */
  readonly isBound: boolean;
}

/** Adds up what counts now, in order. */
export class LiveVerifier {
  readonly #sum = new LiveSum();
  #tuples = 0;
  #last: readonly [createdRev: number, ord: number] = [-Infinity, -Infinity];
  #isOrdered = true;

  constructor({ model }: LivePart) {
    if (model !== undefined) this.#sum.add(modelElement(model.id, hashesOfModel(model)));
  }

  tuples({ rows }: TuplesPart): void {
    for (const [first, second, ...columns] of rows) {
      const [createdRev, ord] = [Number(first), Number(second)];
      const [lastRev, lastOrd] = this.#last;
      // Two of one place could make up for others that are missing.
      if (createdRev < lastRev || (createdRev === lastRev && ord <= lastOrd)) {
        this.#isOrdered = false;
      }
      this.#last = [createdRev, ord];
      this.#tuples += 1;
      this.#sum.add(tupleElement({ createdRev, ord }, columns));
    }
  }

  /** `liveDigest` is what the revision says; `undefined`: nothing. */
  end(revision: number, liveDigest: string | undefined, findings: Findings): LiveReport {
    const isBound = liveDigest !== undefined;
    if (isBound && (!this.#isOrdered || this.#sum.digest !== liveDigest)) {
      const message = `the tuples that are live, or the model, are not what revision ${revision} left`;
      findings.add("live_altered", "", revision, message);
    }
    return { revision, tuples: this.#tuples, isBound };
  }
}
