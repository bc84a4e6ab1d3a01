import { Code } from "@connectrpc/connect";
import { DomainError } from "../core/error.ts";
import type { TransportLimits } from "./limits.ts";

/** What is told of each call, for metrics and logs. */
export interface CallObserver {
  /** Asked once for each method that is served. */
  of(method: string): MethodObserver;
}

export interface MethodObserver {
  started(): void;
  ended(status: Code | "ok", durationMs: number): void;
}

/** A call that was let in. Whoever holds it must leave it; only the first time counts. */
export interface Ticket {
  leave(status: Code | "ok"): void;
}

/** The way in for one method. */
export interface Gate {
  /** Fails with `limit_exceeded`. */
  enter(connection: ConnectionCounts): Ticket;
}

/** Calls under way of one connection. */
export interface ConnectionCounts {
  readonly unary: Count;
  readonly streams: Count;
}

/** Something that is under way so many times. */
export interface Count {
  value: number;
}

/**
 * Lets a bounded number of calls in, in all and from one connection, before their messages are read.
 * Streams that stay open are counted apart: many watchers leave room for checks.
 */
export class Admission {
  readonly #limits: TransportLimits;
  readonly #observer: CallObserver;
  readonly #total: ConnectionCounts = newCounts();

  constructor(limits: TransportLimits, observer: CallObserver) {
    this.#limits = limits;
    this.#observer = observer;
  }

  /** For a connection that was just opened. */
  connection(): ConnectionCounts {
    return newCounts();
  }

  gate(method: string, streaming: boolean): Gate {
    const observer = this.#observer.of(method);
    const { inFlightMax, inFlightPerConnectionMax } = this.#limits;
    const total = streaming ? this.#total.streams : this.#total.unary;
    const what = streaming ? "streams" : "requests";
    return {
      enter: ({ unary, streams }) => {
        const here = streaming ? streams : unary;
        if (here.value >= inFlightPerConnectionMax) {
          throw refused(observer, `${here.value} ${what} are under way on this connection`);
        }
        if (total.value >= inFlightMax) {
          throw refused(observer, `${total.value} ${what} are under way`);
        }
        return new Admitted(observer, total, here);
      },
    };
  }

  /** Calls that were let in and have not left, streams included. */
  get inFlight(): number {
    return this.#total.unary.value + this.#total.streams.value;
  }
}

class Admitted implements Ticket {
  readonly #observer: MethodObserver;
  readonly #total: Count;
  readonly #here: Count;
  readonly #startedAtMs: number = performance.now();
  #left = false;

  constructor(observer: MethodObserver, total: Count, here: Count) {
    this.#observer = observer;
    this.#total = total;
    this.#here = here;
    total.value += 1;
    here.value += 1;
    observer.started();
  }

  leave(status: Code | "ok"): void {
    if (this.#left) return;
    this.#left = true;
    this.#total.value -= 1;
    this.#here.value -= 1;
    this.#observer.ended(status, performance.now() - this.#startedAtMs);
  }
}

/** When a refused client is told to come again. */
const retryMs = 250;

function newCounts(): ConnectionCounts {
  return { unary: { value: 0 }, streams: { value: 0 } };
}

function refused(observer: MethodObserver, problem: string): DomainError {
  observer.started();
  observer.ended(Code.ResourceExhausted, 0);
  return new DomainError("limit_exceeded", `${problem}, which is the most: try again later`, {
    retryAfterMs: retryMs,
  });
}
