/** What came of everything that was sent. */
export class Tally {
  inputs = 0;
  /** Answers that tell of a bug, or that are not true. */
  readonly wrong: string[] = [];
  /** Inputs whose connection ended without a status. */
  unanswered = 0;
  readonly byStatus: Map<string, number> = new Map();

  answered(status: string): void {
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
  }

  isWrong(what: string): void {
    this.wrong.push(what);
  }
}
