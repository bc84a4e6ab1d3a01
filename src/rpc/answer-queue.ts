/**
 * Answers on their way out of a stream, in the order in which they came to be. One writer side with a
 * bounded number of places, one reader.
 */
export class AnswerQueue<Answer> implements AsyncIterable<Answer> {
  readonly #placesMax: number;
  readonly #answers: Answer[] = [];
  #placesTaken = 0;
  #state:
    | { readonly kind: "open" | "closed" }
    | { readonly kind: "failed"; readonly error: unknown } = { kind: "open" };
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  /** Takes a place for an answer to come, and waits for one to get free where all are taken. */
  async take(): Promise<void> {
    while (this.#placesTaken >= this.#placesMax) {
      if (this.#state.kind !== "open") return;
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    this.#placesTaken += 1;
  }

  /** True where `take` would not wait. */
  get hasPlace(): boolean {
    return this.#placesTaken < this.#placesMax;
  }

  /** Fills a place that was taken. It gets free when the answer is read. */
  put(answer: Answer): void {
    this.#answers.push(answer);
    this.#wakeReader?.();
  }

  /** Ends the queue once every place that is taken has been filled and read. */
  close(): void {
    if (this.#state.kind === "open") this.#state = { kind: "closed" };
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  /** Ends the queue at once: the reader gets the error. */
  fail(error: unknown): void {
    if (this.#state.kind !== "failed") this.#state = { kind: "failed", error };
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Answer> {
    for (;;) {
      if (this.#state.kind === "failed") throw this.#state.error;
      const answer = this.#answers.shift();
      if (answer !== undefined) {
        this.#placesTaken -= 1;
        this.#wakeWriter?.();
        yield answer;
      } else if (this.#state.kind === "closed" && this.#placesTaken === 0) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    }
  }
}
