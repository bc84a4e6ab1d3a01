import type { Revision, Timeline } from "./revision.ts";
import type { RelationTuple } from "./tuple.ts";

/** One committed revision and what it changed. Within it deletes apply before creates; a touch is both. */
export interface RevisionChange {
  readonly revision: Revision;
  readonly committedAtMs: number;
  readonly callerId: string;
  /** Why, in the caller's words; may be empty. */
  readonly reason: string;
  /** What kind of mutation it was, as in `write_tuples`, `delegate`, `revoke`, `write_model`. */
  readonly operation: string;
  /** Set where this revision activated an authorization model. */
  readonly modelId?: string;
  readonly deleted: readonly RelationTuple[];
  readonly created: readonly RelationTuple[];
}

/** Where a tenant stands, read in one snapshot. */
export interface Head {
  readonly timeline: Timeline;
  readonly revision: Revision;
  /** Changes at and below the horizon are no longer kept. */
  readonly horizon: Revision;
  /** The active authorization model, `undefined` before the first one is written. */
  readonly modelId?: string;
}
