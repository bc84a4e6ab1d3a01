import type { ReplicaParameters } from "./parameters.ts";
import type { Timers } from "./ports.ts";

const hedgeMsMax = 3200;

/**
 * Shares polls among those who want one: one is under way, and one that is sent after it serves all who
 * came meanwhile. One that is long without an answer may have been lost (C4 allows for several).
 */
export class RepeatedPoll<Taken> {
  readonly #send: () => Promise<Taken>;
  readonly #timers: Timers;
  readonly #parameters: Pick<ReplicaParameters, "hedgeMs">;
  #hedgeMs: number;
  #underWay: Promise<Taken> | undefined;
  #next: Promise<Taken> | undefined;

  constructor(
    send: () => Promise<Taken>,
    { timers, parameters }: { timers: Timers; parameters: Pick<ReplicaParameters, "hedgeMs"> },
  ) {
    this.#send = send;
    this.#timers = timers;
    this.#parameters = parameters;
    this.#hedgeMs = parameters.hedgeMs;
  }

  /** The outcome of a poll that is sent no earlier than now. */
  poll(): Promise<Taken> {
    if (this.#underWay === undefined) return this.#start();
    this.#next ??= this.#over(this.#underWay).then(() => {
      this.#next = undefined;
      return this.#start();
    });
    return this.#next;
  }

  #start(): Promise<Taken> {
    const sent = this.#send();
    this.#underWay = sent;
    const clear = (): void => {
      if (this.#underWay === sent) this.#underWay = undefined;
    };
    sent.then(() => {
      clear();
      this.#hedgeMs = this.#parameters.hedgeMs;
    }, clear);
    return sent;
  }

  async #over(sent: Promise<Taken>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#timers.after(this.#hedgeMs, () => {
      this.#hedgeMs = Math.min(hedgeMsMax, this.#hedgeMs * 2);
      resolve();
    });
    await Promise.race([sent.then(ignore, ignore), late]);
    cancel();
  }
}

function ignore(): void {}
