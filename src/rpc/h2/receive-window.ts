/** How much a client may send ahead of being read, on a stream or on all of a connection. */
export class ReceiveWindow {
  readonly #bytesMax: number;
  /** What was sent and not given back, and what of it is due. */
  #taken = 0;
  #owed = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** False where the client sent more than it may. */
  take(bytes: number): boolean {
    this.#taken += bytes;
    return this.#taken <= this.#bytesMax;
  }

  /** So much was read: how much is to be given back now. It is given in halves of the window, not in drops. */
  read(bytes: number): number {
    this.#owed += bytes;
    if (this.#owed < this.#bytesMax / 2) return 0;
    const due = this.#owed;
    this.#taken -= due;
    this.#owed = 0;
    return due;
  }
}
