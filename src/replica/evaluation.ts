import { DomainError } from "../core/error.ts";
import { sortPageKeys } from "../core/page.ts";
import type { Revision, Timeline } from "../core/revision.ts";
import type { Doorbell } from "./doorbell.ts";
import type { Follower } from "./follower.ts";
import { interrupted, untilAborted } from "./interruption.ts";
import type { PageClock } from "./page-clock.ts";
import { Pins } from "./pins.ts";
import type { ReplicaParameters } from "./parameters.ts";
import type { Timers } from "./ports.ts";
import type { EvaluateOptions, Evaluation, Freshness, Snapshot } from "./replica.ts";

/** What the node is to evaluations that have to wait. */
export interface EvaluationHost {
  readonly parameters: ReplicaParameters;
  readonly timers: Timers;
  readonly pages: PageClock;
  /** How many wait. */
  waiting: number;
  follower(tenant: string): Follower;
  /** Why the tenant will not become ready. */
  refusalOf(follower: Follower): DomainError | undefined;
  /** Whether lease, tenant and time allow an answer in this tick. */
  isReady(follower: Follower): boolean;
  /** Rung when an answer to `isReady` may have changed. */
  readonly changed: Doorbell;
  /** Somebody waits for the lease. */
  nudge(): void;
  timeline(): Timeline | undefined;
  snapshot(follower: Follower): Snapshot | undefined;
  preparePlan(follower: Follower, modelId: string): Promise<void>;
}

/** A state of the tenant that the answer must not be older than. */
interface Floor {
  readonly timeline: Timeline | undefined;
  readonly revision: Revision;
}

/** Waits for lease, freshness, model and pages, and evaluates anew after each wait (S1, S3, S4). */
export async function evaluateWaiting<Value>(
  host: EvaluationHost,
  tenant: string,
  evaluation: Evaluation<Value>,
  { freshness, signal }: EvaluateOptions,
): Promise<Value> {
  if (signal?.aborted === true) throw interrupted(signal);
  if (host.waiting >= host.parameters.waitingMax) {
    throw new DomainError("limit_exceeded", "too many requests wait on this node, try again later");
  }
  host.waiting += 1;
  const pins = new Pins();
  try {
    const follower = host.follower(tenant);
    let floor: Floor | undefined;
    let rounds = 0;
    for (;;) {
      await untilReady(host, follower, signal);
      if (freshness !== undefined && !meets(host, follower, floor)) {
        floor = await refresh(host, follower, freshness, signal);
        continue;
      }
      // From here to the evaluation nothing is awaited: this is the tick of S1.
      const snapshot = host.snapshot(follower);
      if (snapshot === undefined) {
        await preparePlan(host, follower, signal);
        continue;
      }
      const evaluated = evaluation(snapshot);
      if (evaluated.kind === "decided") return evaluated.value;
      rounds += 1;
      if (rounds > host.parameters.roundsMax) {
        throw new DomainError("budget_exceeded", `pages were missing after ${rounds - 1} rounds`);
      }
      const keys = sortPageKeys(evaluated.pages).slice(0, host.parameters.pagesPerRoundMax);
      await untilAborted(follower.loader.request(keys, pins), signal);
      admit(host, pins);
    }
  } finally {
    pins.release();
    host.waiting -= 1;
  }
}

/** S3. What it saw is tested once more in the tick of the evaluation. */
async function untilReady(
  host: EvaluationHost,
  follower: Follower,
  signal: AbortSignal | undefined,
): Promise<void> {
  let isOver = false;
  let cancel: (() => void) | undefined;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  try {
    while (!host.isReady(follower)) {
      const refusal = host.refusalOf(follower);
      if (refusal !== undefined) throw refusal;
      if (isOver) throw notServing();
      cancel ??= host.timers.after(host.parameters.serveWaitMs, () => {
        isOver = true;
        resolve();
      });
      const woken = host.changed.wait();
      host.nudge();
      await untilAborted(Promise.race([woken, over]), signal);
    }
  } catch (cause) {
    const isLate = cause instanceof DomainError && cause.code === "deadline_exceeded";
    throw isLate ? notServing() : cause;
  } finally {
    cancel?.();
  }
}

/** S6. What the answer must be no older than. */
async function refresh(
  host: EvaluationHost,
  follower: Follower,
  freshness: Freshness,
  signal: AbortSignal | undefined,
): Promise<Floor> {
  if (freshness.kind === "at_least") {
    const { timeline, revision } = freshness.token;
    const floor = { timeline, revision };
    if (meets(host, follower, floor)) return floor;
  }
  // A poll that is sent after the request arrived sees every write that was answered before it.
  await untilAborted(follower.poll(), signal);
  const timeline = host.timeline();
  const isAhead =
    freshness.kind === "at_least" &&
    freshness.token.timeline === timeline &&
    freshness.token.revision > follower.applied;
  if (isAhead) {
    throw new DomainError(
      "revision_ahead",
      `revision ${freshness.token.revision} has not arrived, the head is ${follower.applied}`,
    );
  }
  return { timeline, revision: follower.applied };
}

function meets(host: EvaluationHost, follower: Follower, floor: Floor | undefined): boolean {
  return (
    floor !== undefined && floor.timeline === host.timeline() && follower.applied >= floor.revision
  );
}

/** Where lease and tenant are ready, what lacks for a snapshot is the plan. */
async function preparePlan(
  host: EvaluationHost,
  follower: Follower,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!host.isReady(follower)) return;
  if (follower.modelId === undefined) {
    throw new DomainError(
      "model_missing",
      `tenant \`${follower.tenant}\` has no active authorization model, write one first`,
    );
  }
  await untilAborted(host.preparePlan(follower, follower.modelId), signal);
}

function admit({ parameters, pages }: EvaluationHost, pins: Pins): void {
  if (pins.bytes > parameters.evaluationBytes) {
    throw new DomainError(
      "budget_exceeded",
      `the evaluation needs more than ${parameters.evaluationBytes} bytes of pages`,
    );
  }
  if (pages.bytes > pages.limitBytes) {
    throw new DomainError("limit_exceeded", "the pages that evaluations wait for fill the memory");
  }
}

/** The answer of a node that cannot know that it is current. */
export function notServing(): DomainError {
  return new DomainError("not_serving", "this node has no valid lease, try again or ask another");
}
