/** Tells how far a run is: on a terminal in one line that is written over, else in a line a step. */
export class Progress implements Disposable {
  readonly #startedMs = performance.now();
  #totalSeconds: number;
  readonly #isTerminal = process.stderr.isTTY;
  #said = "";

  constructor(totalSeconds: number) {
    this.#totalSeconds = totalSeconds;
  }

  /** Once it is known better. */
  expect(furtherSeconds: number): void {
    this.#totalSeconds = (performance.now() - this.#startedMs) / 1000 + furtherSeconds;
  }

  /** What is being done now. */
  step(text: string): void {
    // Round after round the same: once is enough where nothing is written over.
    if (text === this.#said) return;
    this.#said = text;
    const elapsed = Math.round((performance.now() - this.#startedMs) / 1000);
    const line = `${elapsed} of about ${Math.round(this.#totalSeconds)} s: ${text}`;
    if (!this.#isTerminal) process.stderr.write(`${line}\n`);
    else process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }

  /** A line that stays. */
  note(text: string): void {
    process.stderr.write(this.#isTerminal ? `\r\x1b[2K${text}\n` : `${text}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#isTerminal) process.stderr.write("\r\x1b[2K");
  }
}
