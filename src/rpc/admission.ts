import { Code } from "@connectrpc/connect";
import { DomainError } from "../core/error.ts";
import type { TransportLimits } from "./limits.ts";

/** What is told of each call, for metrics and logs. */
export interface CallObserver {
  started(method: string): void;
  ended(method: string, status: Code | "ok", durationMs: number): void;
}

/** A call that was let in. Whoever holds it must leave it, once. */
export interface Ticket {
  leave(status: Code | "ok"): void;
}

/**
 * Lets a bounded number of calls in, in all and from one connection, before their messages are read.
 * Streams that stay open are counted apart: many watchers leave room for checks.
 */
export class Admission {
  readonly #limits: TransportLimits;
  readonly #observer: CallObserver;
  readonly #unary: Counted = { total: 0, ofConnection: new Map() };
  readonly #streams: Counted = { total: 0, ofConnection: new Map() };

  constructor(limits: TransportLimits, observer: CallObserver) {
    this.#limits = limits;
    this.#observer = observer;
  }

  /** Fails with `limit_exceeded`. `connection` tells one connection from another. */
  enter(method: string, connection: string, streaming: boolean): Ticket {
    const counted = streaming ? this.#streams : this.#unary;
    const { inFlightMax, inFlightPerConnectionMax } = this.#limits;
    const here = counted.ofConnection.get(connection) ?? 0;
    const what = streaming ? "streams" : "requests";
    if (here >= inFlightPerConnectionMax) {
      throw refused(method, this.#observer, `${here} ${what} are under way on this connection`);
    }
    if (counted.total >= inFlightMax) {
      throw refused(method, this.#observer, `${counted.total} ${what} are under way`);
    }
    counted.total += 1;
    counted.ofConnection.set(connection, here + 1);
    this.#observer.started(method);
    return this.#ticket(method, connection, counted);
  }

  /** Calls that were let in and have not left, streams included. */
  get inFlight(): number {
    return this.#unary.total + this.#streams.total;
  }

  #ticket(method: string, connection: string, counted: Counted): Ticket {
    const startedAtMs = performance.now();
    let left = false;
    return {
      leave: (status) => {
        if (left) return;
        left = true;
        counted.total -= 1;
        const here = (counted.ofConnection.get(connection) ?? 1) - 1;
        if (here === 0) counted.ofConnection.delete(connection);
        else counted.ofConnection.set(connection, here);
        this.#observer.ended(method, status, performance.now() - startedAtMs);
      },
    };
  }
}

interface Counted {
  total: number;
  readonly ofConnection: Map<string, number>;
}

function refused(method: string, observer: CallObserver, problem: string): DomainError {
  observer.started(method);
  observer.ended(method, Code.ResourceExhausted, 0);
  return new DomainError("limit_exceeded", `${problem}, which is the most: try again later`);
}
