/** Wakes all who wait, once each; who comes later waits for the next ring. */
export class Doorbell {
  #next: PromiseWithResolvers<void> | undefined;

  wait(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    return this.#next.promise;
  }

  ring(): void {
    this.#next?.resolve();
    this.#next = undefined;
  }
}
