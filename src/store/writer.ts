import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { SigningKey } from "../audit/checkpoint.ts";
import { DomainError } from "../core/error.ts";
import { runBatch, type Seals } from "./batch.ts";
import { asDomainError, isTransient } from "./database-error.ts";
import type { Database } from "./database.ts";
import type { HintSeal } from "./hint-seal.ts";
import type { Mutation, MutationResult } from "./mutation.ts";

/** The one way in which a tenant changes. */
export interface Writer {
  /**
   * Resolves when the write is durable, or was refused at a revision of its own. Rejects with
   * `limit_exceeded`, `tenant_not_found`, `not_serving`, `write_conflict` (nothing was written),
   * `outcome_unknown`, or `cancelled` where the signal came before the write was under way.
   */
  write(mutation: Mutation, signal?: AbortSignal): Promise<MutationResult>;
  /** Takes no more, and waits for what was taken. */
  close(): Promise<void>;
}

/** What one mutation may change. Smaller ones hold other writers up for less: 2,000 take about 100 ms. */
const mutationTuplesMax = 5_000;

const batchTuplesMax = 2_000;
const batchMutationsMax = 500;
const queueMax = 4_096;
const attemptsMax = 6;
const pauseMs = 5;

/**
 * Groups what arrives while a tenant's batch is under way into its next one: a queue a tenant. Each batch
 * is told to the other nodes as soon as it is committed, under this one's seal; without it to nobody. With
 * a key it is signed.
 */
export function createWriter(database: Database, hint?: HintSeal, key?: SigningKey): Writer {
  const seals: Seals = { hint, key };
  const queues = new Map<string, TenantQueue>();
  let closed = false;

  return {
    async write(mutation, signal) {
      if (closed) throw new DomainError("not_serving", "the node is stopping");
      if (signal?.aborted === true) throw cancelled();
      const tuples = countTuples(mutation);
      if (tuples > mutationTuplesMax) {
        throw new DomainError(
          "limit_exceeded",
          `a write changes at most ${mutationTuplesMax} tuples, this one ${tuples}: split it`,
        );
      }
      // A mutation without tuples weighs something too.
      const weight = tuples + 1;
      const queue =
        queues.get(mutation.tenant) ?? new TenantQueue(database, mutation.tenant, seals);
      queues.set(mutation.tenant, queue);
      try {
        return await queue.add(mutation, weight, signal);
      } finally {
        if (queue.idle && queues.get(mutation.tenant) === queue) queues.delete(mutation.tenant);
      }
    },
    async close() {
      closed = true;
      await Promise.all([...queues.values()].map((queue) => queue.drained));
    },
  };
}

interface Waiting {
  readonly mutation: Mutation;
  readonly weight: number;
  readonly resolve: (result: MutationResult) => void;
  readonly reject: (error: unknown) => void;
}

class TenantQueue {
  readonly #database: Database;
  readonly #tenant: string;
  readonly #seals: Seals;
  readonly #urgent: Waiting[] = [];
  readonly #ordinary: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(database: Database, tenant: string, seals: Seals) {
    this.#database = database;
    this.#tenant = tenant;
    this.#seals = seals;
  }

  get idle(): boolean {
    return this.#running === undefined;
  }

  get drained(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  add(
    mutation: Mutation,
    weight: number,
    signal: AbortSignal | undefined,
  ): Promise<MutationResult> {
    const lane = mutation.urgent ? this.#urgent : this.#ordinary;
    // The lanes have limits of their own: a flood of writes never keeps a revocation out.
    if (lane.length >= queueMax) {
      throw new DomainError("limit_exceeded", "too many writes wait, send this one later");
    }
    const { promise, resolve, reject } = Promise.withResolvers<MutationResult>();
    const waiting: Waiting = { mutation, weight, resolve, reject };
    lane.push(waiting);
    const leave = (): void => {
      const index = lane.indexOf(waiting);
      if (index < 0) return; // It is under way, and a durable write is never broken off.
      lane.splice(index, 1);
      reject(cancelled());
    };
    signal?.addEventListener("abort", leave, { once: true });
    this.#running ??= this.#run();
    return promise.finally(() => signal?.removeEventListener("abort", leave));
  }

  async #run(): Promise<void> {
    // What arrives in the same tick goes into the first batch.
    await Promise.resolve();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      await this.#write(batch);
    }
    this.#running = undefined;
  }

  /** The longest batch within the limits. What deletes by filter comes first in its batch, or waits. */
  #take(): readonly Waiting[] {
    const batch: Waiting[] = [];
    let weight = 0;
    for (const lane of [this.#urgent, this.#ordinary]) {
      for (let [next] = lane; next !== undefined; [next] = lane) {
        const fits = weight + next.weight <= batchTuplesMax && batch.length < batchMutationsMax;
        if (batch.length > 0 && (!fits || deletesByFilter(next.mutation))) return batch;
        batch.push(next);
        weight += next.weight;
        lane.shift();
      }
    }
    return batch;
  }

  /** Where a batch fails for a reason of its own, each mutation is tried alone: one must not fail the others. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#attempt(batch.map(({ mutation }) => mutation));
      assert.equal(results.length, batch.length);
      for (const [index, { resolve }] of batch.entries()) {
        const result = results[index];
        assert(result !== undefined);
        resolve(result);
      }
    } catch (error) {
      if (error instanceof DomainError || batch.length === 1) {
        for (const { reject } of batch) reject(error);
        return;
      }
      for (const waiting of batch) await this.#write([waiting]);
    }
  }

  async #attempt(mutations: readonly Mutation[]): Promise<readonly MutationResult[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await runBatch(this.#database, this.#tenant, mutations, this.#seals);
      } catch (error) {
        if (!isTransient(error)) throw asDomainError(error);
        if (attempt === attemptsMax) {
          throw new DomainError("write_conflict", "the write met others too often, send it again", {
            cause: error,
          });
        }
        await sleep(pauseMs * 2 ** attempt * (0.5 + Math.random() / 2));
      }
    }
  }
}

/** The most that it can change. */
function countTuples(mutation: Mutation): number {
  return mutation.steps.reduce(
    (sum, step) => sum + (step.kind === "delete_matching" ? step.limit : 1),
    0,
  );
}

function deletesByFilter(mutation: Mutation): boolean {
  return mutation.steps.some((step) => step.kind === "delete_matching");
}

function cancelled(): DomainError {
  return new DomainError("cancelled", "the write was cancelled before it was under way");
}
