import type { Caller } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";

/** How much of the server one caller may take, over all its connections. */
export interface CallerLimits {
  /** Requests, and checks of batches and streams, per second; `Infinity`: no limit. */
  readonly callerRateMax: number;
  /** Requests that are not answered at once, and open streams, each. */
  readonly callerInFlightMax: number;
}

/** What one caller has used. Whoever holds it hands it back as it is. */
export interface Budget {
  /** Of the rate, at `atMs`; below zero after a batch that was larger than the rest. */
  left: number;
  atMs: number;
  waiting: number;
  streams: number;
  /** Whoever has it at hand must find another once it is not. */
  isRemembered: boolean;
}

const budgetsMax = 10_000;
const retryMs = 250;
/** So often at most, and nobody who asked within that. */
const forgetMs = 1_000;

/**
 * Keeps callers apart by name, so that one takes nothing from the others. A caller that was silent may
 * use the rate of one second at once, and a batch may be larger than what is left of it: the caller
 * then waits until that is paid for.
 */
export class CallerBudgets {
  readonly #limits: CallerLimits;
  readonly #nowMs: () => number;
  #forgotAtMs = -Infinity;
  readonly #byId = new Map<string, Budget>();
  /** A caller is the same value as long as it is remembered: the name is looked up once. */
  readonly #byCaller = new WeakMap<Caller, Budget>();

  constructor(limits: CallerLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Pays for a request. Fails with `limit_exceeded`, and says when there is enough again. */
  spend(caller: Caller, cost: number): Budget {
    const known = this.#byCaller.get(caller);
    const budget = known?.isRemembered === true ? known : this.#find(caller);
    const { callerRateMax: rate, callerInFlightMax } = this.#limits;
    if (budget.waiting >= callerInFlightMax) throw tooManyWaiting(budget.waiting);
    if (rate === Infinity) return budget;
    const nowMs = this.#nowMs();
    const left = Math.min(rate, budget.left + ((nowMs - budget.atMs) * rate) / 1_000);
    budget.atMs = nowMs;
    budget.left = left;
    if (left < 1) throw tooFast(rate, ((1 - left) * 1_000) / rate);
    budget.left = left - cost;
    return budget;
  }

  /** Counts a request that is not answered yet, until it is. */
  async wait<Answer>(budget: Budget, answer: Promise<Answer>): Promise<Answer> {
    budget.waiting += 1;
    try {
      return await answer;
    } finally {
      budget.waiting -= 1;
    }
  }

  /** Counts a stream until what is returned is called. Fails with `limit_exceeded`. */
  open(caller: Caller, cost = 1): () => void {
    const budget = this.spend(caller, cost);
    if (budget.streams >= this.#limits.callerInFlightMax) {
      throw new DomainError(
        "limit_exceeded",
        `the caller has ${budget.streams} streams open, which is the most`,
        { hint: "close some: many questions fit into one stream" },
      );
    }
    budget.streams += 1;
    return () => {
      budget.streams -= 1;
    };
  }

  /** How many callers are known. */
  get remembered(): number {
    return this.#byId.size;
  }

  #find(caller: Caller): Budget {
    const budget = this.#byId.get(caller.id) ?? this.#make(caller.id);
    this.#byCaller.set(caller, budget);
    return budget;
  }

  #make(id: string): Budget {
    if (this.#byId.size >= budgetsMax) this.#forget();
    const budget = {
      left: this.#limits.callerRateMax,
      atMs: this.#nowMs(),
      waiting: 0,
      streams: 0,
      isRemembered: true,
    };
    this.#byId.set(id, budget);
    return budget;
  }

  /** Whoever waits for nothing and has its whole rate again has used nothing. */
  #forget(): void {
    const nowMs = this.#nowMs();
    // Where all are busy, looking through them for each new one would help nobody.
    if (nowMs - this.#forgotAtMs < forgetMs) return;
    this.#forgotAtMs = nowMs;
    const { callerRateMax: rate } = this.#limits;
    for (const [id, budget] of this.#byId) {
      const { left, atMs, waiting, streams } = budget;
      const owedMs = rate === Infinity ? 0 : ((rate - left) * 1_000) / rate;
      if (waiting + streams > 0 || nowMs - atMs < Math.max(forgetMs, owedMs)) continue;
      budget.isRemembered = false;
      this.#byId.delete(id);
    }
  }
}

/** What a request costs: a batch as much as its items. */
export function costOf(request: object): number {
  if (!("items" in request) || !Array.isArray(request.items)) return 1;
  return Math.max(1, request.items.length);
}

function tooFast(rate: number, retryAfterMs: number): DomainError {
  return new DomainError("limit_exceeded", `the caller asks more than ${rate} times a second`, {
    retryAfterMs: Math.ceil(retryAfterMs),
  });
}

function tooManyWaiting(waiting: number): DomainError {
  return new DomainError(
    "limit_exceeded",
    `the caller has ${waiting} requests under way, which is the most`,
    { retryAfterMs: retryMs },
  );
}
