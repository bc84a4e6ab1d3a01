import { DomainError } from "../core/error.ts";
import type { Now } from "../core/now.ts";
import { parseToken, type Revision, type Timeline } from "../core/revision.ts";
import type { EngineError } from "../engine/view.ts";
import type { EvaluateOptions, Evaluation, Replica, Snapshot } from "../replica/replica.ts";
import type { Consistency, RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";

/** A revision that stands still: what a list in pages reads. */
export interface Pin {
  readonly timeline: Timeline;
  readonly revision: Revision;
}

/**
 * Runs an evaluation on a private graph at one past revision, outside the replica. The adapter loads
 * what is missing, honours the signal, and throws everything away afterwards.
 */
export type EvaluatePast = <Value>(
  tenant: string,
  past: Pin & { readonly now: Now; readonly modelId: string },
  evaluation: Evaluation<Value>,
  signal: AbortSignal,
) => Promise<Value>;

/** Runs evaluations as fresh, or as far back, as the request says. */
export interface Evaluator {
  /** Returns the value itself, no promise, where the replica can decide at once. */
  run<Value>(
    context: RequestContext,
    consistency: Consistency,
    evaluation: Evaluation<Value>,
  ): Value | Promise<Value>;
  /** The server's clock, as evaluations see it. */
  clock(context: RequestContext): Promise<Now>;
  /**
   * Runs at a pinned revision: on the replica while it still stands there, else on history. The
   * clock is the server's, or the commit's where the consistency asks for a past revision.
   */
  runPinned<Value>(
    context: RequestContext,
    consistency: Consistency,
    pin: Pin,
    evaluation: Evaluation<Value>,
  ): Promise<Value>;
}

export function createEvaluator(
  replica: Replica,
  storage: Storage,
  evaluatePast: EvaluatePast,
): Evaluator {
  return new LayeredEvaluator(replica, storage, evaluatePast);
}

class LayeredEvaluator implements Evaluator {
  readonly #replica: Replica;
  readonly #storage: Storage;
  readonly #evaluatePast: EvaluatePast;

  constructor(replica: Replica, storage: Storage, evaluatePast: EvaluatePast) {
    this.#replica = replica;
    this.#storage = storage;
    this.#evaluatePast = evaluatePast;
  }

  async clock(context: RequestContext): Promise<Now> {
    return this.run(context, { kind: "default" }, (snapshot) => ({
      kind: "decided",
      value: snapshot.now,
    }));
  }

  run<Value>(
    context: RequestContext,
    consistency: Consistency,
    evaluation: Evaluation<Value>,
  ): Value | Promise<Value> {
    const { tenant } = context;
    switch (consistency.kind) {
      case "default":
        // The context itself: its signal is made when it is read, and most checks never read it.
        return this.#replica.evaluate(tenant, evaluation, context);
      case "fully_consistent":
        return this.#replica.evaluate(tenant, evaluation, {
          signal: context.signal,
          freshness: { kind: "head" },
        });
      case "at_least_as_fresh":
        return this.#replica.evaluate(tenant, evaluation, atLeast(context, consistency.token));
      case "at_exact_token":
      case "at_exact_instant":
        return this.#runPast(context, consistency, evaluation);
    }
  }

  async #runPast<Value>(
    context: RequestContext,
    consistency: Exact,
    evaluation: Evaluation<Value>,
  ): Promise<Value> {
    const revision = await this.#revisionOf(context, consistency);
    const { timeline } = await this.#storage.tenants.head(context.tenant);
    return this.#runAt(context, { timeline, revision }, undefined, evaluation);
  }

  async #revisionOf(context: RequestContext, consistency: Exact): Promise<Revision> {
    if (consistency.kind === "at_exact_instant") {
      return this.#storage.tenants.revisionAt(context.tenant, consistency.instantMs);
    }
    const token = parseToken(consistency.token, context.tenant, "consistency.at_exact.token");
    const head = await this.#storage.tenants.head(context.tenant);
    if (token.timeline !== head.timeline) throw otherTimeline("consistency.at_exact.token");
    return token.revision;
  }

  async runPinned<Value>(
    context: RequestContext,
    consistency: Consistency,
    pin: Pin,
    evaluation: Evaluation<Value>,
  ): Promise<Value> {
    if (isExact(consistency)) return this.#runAt(context, pin, undefined, evaluation);
    const { tenant, signal } = context;
    const live = await this.#replica.evaluate<{ readonly value: Value } | { readonly moved: Now }>(
      tenant,
      (snapshot) => {
        if (snapshot.revision !== pin.revision || snapshot.timeline !== pin.timeline) {
          return { kind: "decided", value: { moved: snapshot.now } };
        }
        const evaluated = evaluation(snapshot);
        return evaluated.kind === "missing"
          ? evaluated
          : { kind: "decided", value: { value: evaluated.value } };
      },
      { signal },
    );
    return "value" in live ? live.value : this.#runAt(context, pin, live.moved, evaluation);
  }

  /** Without a clock the past is judged at its own commit time. */
  async #runAt<Value>(
    context: RequestContext,
    pin: Pin,
    clock: Now | undefined,
    evaluation: Evaluation<Value>,
  ): Promise<Value> {
    const { tenant, signal } = context;
    const { committedAtMs, modelId, head } = await this.#storage.tenants.at(tenant, pin.revision);
    if (head.timeline !== pin.timeline) throw otherTimeline("page_token");
    const now = clock ?? { earliestMs: committedAtMs, latestMs: committedAtMs };
    const past = { ...pin, now, modelId: requireModel(modelId, tenant) };
    return this.#evaluatePast(tenant, past, evaluation, signal);
  }
}

type Exact = Extract<Consistency, { kind: `at_exact_${string}` }>;

function isExact(consistency: Consistency): consistency is Exact {
  return consistency.kind === "at_exact_token" || consistency.kind === "at_exact_instant";
}

/** What of a snapshot outlives its tick. */
export function pinOf(snapshot: Snapshot): Pin {
  const { timeline, revision } = snapshot;
  return { timeline, revision };
}

/** An engine's error value, as it is thrown at the edge of the pure part. */
export function errorOf(error: EngineError): DomainError {
  return new DomainError(error.code, error.detail);
}

function atLeast(context: RequestContext, text: string): EvaluateOptions {
  const token = parseToken(text, context.tenant, "consistency.at_least_as_fresh");
  return { signal: context.signal, freshness: { kind: "at_least", token } };
}

function requireModel(modelId: string | undefined, tenant: string): string {
  if (modelId !== undefined) return modelId;
  throw new DomainError("model_missing", `tenant \`${tenant}\` had no authorization model then`);
}

export function otherTimeline(field: string): DomainError {
  return new DomainError(
    "revision_expired",
    `${field} is from before a failover of the database, whose revisions cannot be read again`,
    { field },
  );
}
