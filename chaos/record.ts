import type { Question } from "./world.ts";

/** Times are of `performance.now()` of this one process, which all clients are in. */
export interface WriteRecord {
  /** Stands in the revision as its reason. */
  readonly id: string;
  readonly tenant: string;
  readonly invokedMs: number;
  /** When OK came, and for which revision; absent where none came. */
  ok?: { readonly returnedMs: number; readonly timeline: string; readonly revision: number };
}

export interface CheckRecord {
  readonly tenant: string;
  readonly invokedMs: number;
  readonly returnedMs: number;
  readonly timeline: string;
  readonly revision: number;
  readonly answers: readonly { readonly question: Question; readonly allowed: boolean }[];
  /** The node had a fault on it a short while ago or still. */
  readonly troubled: boolean;
  readonly node: string;
}

/** All that the clients saw. */
export interface Recording {
  readonly writes: WriteRecord[];
  readonly checks: CheckRecord[];
  revocations: number;
  unavailable: number;
  unknown: number;
  notEnforced: number;
  /** Errors that no fault explains. */
  readonly bugs: string[];
}

export function newRecording(): Recording {
  return {
    writes: [],
    checks: [],
    revocations: 0,
    unavailable: 0,
    unknown: 0,
    notEnforced: 0,
    bugs: [],
  };
}
