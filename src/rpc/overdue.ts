import { Code } from "@connectrpc/connect";
import type { WireStatus } from "./http2-status.ts";

/** A call as far as it is waited for. */
export interface Awaited {
  readonly isOver: boolean;
  /** Its client has sent all that there is to be read. */
  readonly isWhole: boolean;
  fail(status: WireStatus): void;
  whenOver(listener: () => void): void;
}

/** So long the one message of a call may be on its way, and up to as long again. */
const patienceMs = 20_000;

/**
 * Ends calls whose message does not come: each takes a place of those that may be under way. Looked at
 * now and then and not timed one by one, which would cost every call.
 */
export class Overdue {
  #young = new Set<Awaited>();
  #old = new Set<Awaited>();
  #turns: NodeJS.Timeout | undefined;

  watch(call: Awaited): void {
    this.#turns ??= setInterval(() => this.#turn(), patienceMs).unref();
    this.#young.add(call);
    call.whenOver(() => {
      if (!this.#young.delete(call)) this.#old.delete(call);
    });
  }

  stop(): void {
    clearInterval(this.#turns);
    this.#turns = undefined;
  }

  #turn(): void {
    const late = this.#old;
    this.#old = this.#young;
    this.#young = new Set();
    for (const call of late) {
      if (call.isOver || call.isWhole) continue;
      call.fail({ status: Code.DeadlineExceeded, message: "the message of the call did not come" });
    }
  }
}
