/** What is wrong with a log. None of these happens to a log that nobody touched. */
export type FindingCode =
  /** The row does not have the hash that was written with it. */
  | "altered"
  /** Rows that were there are gone. */
  | "missing"
  /** The row stands where another belongs. */
  | "misplaced"
  | "duplicated"
  /** The row is of another chain or tenant. */
  | "foreign"
  /** The rows agree with each other, but not with what was signed. */
  | "rewritten"
  /** The chain ends before what was signed, or before where the database says that it ends. */
  | "cut_off"
  /** A row that no node would have written there. */
  | "impossible"
  /** What a segment is found by does not follow from its rows: searches would miss some. */
  | "misfiled"
  /** A checkpoint whose signature fails, or that was stored in the place of another. */
  | "checkpoint"
  /** A checkpoint that was kept is not in the log any more. */
  | "checkpoint_missing"
  /** A change that does not have the digest that was written with it. */
  | "change_altered"
  | "change_missing"
  /** The changes agree with each other, but not with what the chains say of them. */
  | "change_rewritten"
  /** A change that no node signed that is believed, though others before it are signed. */
  | "change_unsigned"
  /** What counts now is not what the changes left. */
  | "live_altered";

export interface Finding {
  readonly code: FindingCode;
  /** Empty where it is about changes. */
  readonly chain: string;
  /** The row, or the revision of a change. */
  readonly seq: number;
  /** For people, one line. */
  readonly message: string;
}

/** Takes findings up to a number, and counts the rest. */
export class Findings {
  readonly #list: Finding[] = [];
  #count = 0;

  get list(): readonly Finding[] {
    return this.#list;
  }

  get count(): number {
    return this.#count;
  }

  add(code: FindingCode, chain: string, seq: number, message: string): void {
    this.#count += 1;
    if (this.#list.length < findingsMax) this.#list.push({ code, chain, seq, message });
  }
}

const findingsMax = 1_000;
