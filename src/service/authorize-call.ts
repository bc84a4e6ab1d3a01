import { setImmediate } from "node:timers/promises";
import type { Permits } from "../core/caller.ts";
import { toolType } from "../core/delegation.ts";
import type { Call, Decision, Explanation, Verdict } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import type { PageKey } from "../core/page.ts";
import { authorize, type AuthorizeAnswer } from "../engine/authorize.ts";
import { explainCall } from "../engine/explain.ts";
import type { Evaluated } from "../engine/graph.ts";
import { StepMeter, type EngineLimits } from "../engine/limits.ts";
import type { EngineError, View } from "../engine/view.ts";
import type { Snapshot } from "../replica/replica.ts";
import type { Authorizer, BatchDecision, CheckOptions } from "./authorizer.ts";
import type { DecisionSink } from "./decision-event.ts";
import { errorOf, pinOf, type Evaluator, type Pin } from "./evaluator.ts";
import type { RequestContext } from "./request.ts";
import { tokenFormatter, type FormatToken } from "./token-formatter.ts";

interface Dependencies {
  readonly evaluator: Evaluator;
  readonly permits: Permits;
  readonly limits: EngineLimits;
  readonly decisions: DecisionSink;
  /** Unique in the deployment. */
  readonly newDecisionId: () => string;
}

/** The use case of the hot path: it makes no promise where none is needed. */
export function createAuthorizer(dependencies: Dependencies): Authorizer {
  return new CallAuthorizer(dependencies);
}

/** What one call came to; no symbol of the snapshot in it. */
type Outcome = Decision | DomainError;

/** The answers to the first calls of a batch, and the revision at which the others follow. */
interface BatchSlice extends BatchDecision {
  readonly pin: Pin;
}

class CallAuthorizer implements Authorizer {
  readonly #evaluator: Evaluator;
  readonly #permits: Permits;
  readonly #limits: EngineLimits;
  readonly #decisions: DecisionSink;
  readonly #newDecisionId: () => string;
  readonly #tokenOf: FormatToken = tokenFormatter();

  constructor({ evaluator, permits, limits, decisions, newDecisionId }: Dependencies) {
    this.#evaluator = evaluator;
    this.#permits = permits;
    this.#limits = limits;
    this.#decisions = decisions;
    this.#newDecisionId = newDecisionId;
  }

  check(context: RequestContext, call: Call, options: CheckOptions): Decision | Promise<Decision> {
    const startedMs = performance.now();
    let outcome: Outcome | Promise<Outcome>;
    try {
      const permitted = this.#permit(context, call);
      outcome =
        permitted === undefined
          ? this.#evaluate(context, call, options)
          : permitted.then(() => this.#evaluate(context, call, options));
    } catch (error) {
      return this.#fail(context, [call], error, startedMs);
    }
    if (!(outcome instanceof Promise)) return this.#answer(context, call, outcome, startedMs);
    return outcome.then(
      (settled) => this.#answer(context, call, settled, startedMs),
      (error: unknown) => this.#fail(context, [call], error, startedMs),
    );
  }

  checkBatch(
    context: RequestContext,
    calls: readonly Call[],
    options: CheckOptions,
  ): BatchDecision | Promise<BatchDecision> {
    const startedMs = performance.now();
    let judged: BatchDecision | Promise<BatchDecision>;
    try {
      const permitted = this.#permitAll(context, calls);
      judged =
        permitted === undefined
          ? this.#evaluateAll(context, calls, options)
          : permitted.then(() => this.#evaluateAll(context, calls, options));
    } catch (error) {
      return this.#fail(context, calls, error, startedMs);
    }
    if (!(judged instanceof Promise)) return this.#answerAll(context, calls, judged, startedMs);
    return judged.then(
      (batch) => this.#answerAll(context, calls, batch, startedMs),
      (error: unknown) => this.#fail(context, calls, error, startedMs),
    );
  }

  #permit({ caller, tenant }: RequestContext, call: Call): undefined | Promise<void> {
    const scope = { tenant, principal: call.principal, tool: call.tool };
    const checks = this.#permits(caller, "checker", scope);
    if (call.contextualTuples.length === 0) return checks instanceof Promise ? checks : undefined;
    if (checks instanceof Promise) {
      return checks.then(() => this.#permits(caller, "context_provider", scope));
    }
    const provides = this.#permits(caller, "context_provider", scope);
    return provides instanceof Promise ? provides : undefined;
  }

  #permitAll(context: RequestContext, calls: readonly Call[]): undefined | Promise<void> {
    let pending: Promise<void>[] | undefined;
    let isTenantWide = false;
    for (const call of calls) {
      if (isTenantWide && call.contextualTuples.length === 0) continue;
      try {
        const permitted = this.#permit(context, call);
        if (permitted === undefined) isTenantWide = true;
        else (pending ??= []).push(permitted);
      } catch (error) {
        // Those that are under way already must not fail unheard.
        if (pending === undefined) throw error;
        pending.push(Promise.reject(error));
        break;
      }
    }
    return pending === undefined ? undefined : settle(pending);
  }

  #evaluate(
    context: RequestContext,
    call: Call,
    { consistency, explain }: CheckOptions,
  ): Outcome | Promise<Outcome> {
    return this.#evaluator.run(context, consistency, (snapshot) =>
      this.#judge(snapshot, call, explain),
    );
  }

  #evaluateAll(
    context: RequestContext,
    calls: readonly Call[],
    { consistency, explain }: CheckOptions,
  ): BatchDecision | Promise<BatchDecision> {
    const judged = this.#evaluator.run(context, consistency, (snapshot) =>
      this.#judgeSome(snapshot, calls, explain),
    );
    const proceed = (slice: BatchSlice): BatchDecision | Promise<BatchDecision> =>
      slice.items.length === calls.length
        ? slice
        : this.#evaluateRest(context, calls, { consistency, explain }, slice);
    return judged instanceof Promise ? judged.then(proceed) : proceed(judged);
  }

  /** A batch of much work gives the event loop free now and then, and stays at its revision. */
  async #evaluateRest(
    context: RequestContext,
    calls: readonly Call[],
    { consistency, explain }: CheckOptions,
    { items: first, token, pin }: BatchSlice,
  ): Promise<BatchDecision> {
    const items = [...first];
    while (items.length < calls.length) {
      await setImmediate();
      context.signal.throwIfAborted();
      const rest = calls.slice(items.length);
      const slice = await this.#evaluator.runPinned(context, consistency, pin, (snapshot) =>
        this.#judgeSome(snapshot, rest, explain),
      );
      items.push(...slice.items);
    }
    return { items, token };
  }

  #judge(snapshot: Snapshot, call: Call, explain: boolean, meter?: StepMeter): Evaluated<Outcome> {
    if (call.tool.type !== toolType) {
      const problem = `tool must be an object of type \`${toolType}\``;
      return { kind: "decided", value: new DomainError("malformed", problem) };
    }
    if (explain) {
      const explained = explainCall(snapshot, call, this.#limits, meter);
      if (explained.kind === "missing") return explained;
      const { answer, explanation } = explained.value;
      return { kind: "decided", value: this.#outcomeOf(snapshot, answer, explanation) };
    }
    const verdicts = call.isShared === true ? snapshot.verdicts : undefined;
    const known = verdicts?.recall(snapshot, call);
    if (known !== undefined) {
      if (meter !== undefined) meter.steps += 1;
      return { kind: "decided", value: this.#outcomeOf(snapshot, known, undefined) };
    }
    const judge = (view: View): Evaluated<AuthorizeAnswer> =>
      authorize(view, call, this.#limits, undefined, meter);
    const evaluated =
      verdicts === undefined ? judge(snapshot) : verdicts.decide(snapshot, call, judge);
    if (evaluated.kind === "missing") return evaluated;
    return { kind: "decided", value: this.#outcomeOf(snapshot, evaluated.value, undefined) };
  }

  /**
   * The first calls, one at least, until together they have taken the steps of a slice. Every one of
   * them is explored before any page is loaded, so that they load once.
   */
  #judgeSome(snapshot: Snapshot, calls: readonly Call[], explain: boolean): Evaluated<BatchSlice> {
    const items: Outcome[] = [];
    const meter = new StepMeter();
    let pages: PageKey[] | undefined;
    for (const call of calls) {
      if (meter.steps >= this.#limits.batchStepsMax) break;
      const evaluated = this.#judge(snapshot, call, explain, meter);
      if (evaluated.kind === "missing") (pages ??= []).push(...evaluated.pages);
      else items.push(evaluated.value);
    }
    if (pages !== undefined) return { kind: "missing", pages };
    const value = { items, token: this.#tokenOf(snapshot), pin: pinOf(snapshot) };
    return { kind: "decided", value };
  }

  #outcomeOf(
    { tenant, timeline, revision, modelId }: Snapshot,
    answer: Verdict | EngineError,
    explanation: Explanation | undefined,
  ): Outcome {
    if (answer.kind === "error") return errorOf(answer);
    const id = this.#newDecisionId();
    const decision = { id, verdict: answer, tenant, timeline, revision, modelId };
    return explanation === undefined ? decision : { ...decision, explanation };
  }

  #answer(
    context: RequestContext,
    call: Call,
    outcome: Outcome,
    startedMs: number,
  ): Decision | Promise<Decision> {
    const recorded = this.#record(context, call, outcome, microsecondsSince(startedMs));
    if (recorded === undefined) return orThrow(outcome);
    return recorded.then(() => orThrow(outcome));
  }

  #answerAll(
    context: RequestContext,
    calls: readonly Call[],
    batch: BatchDecision,
    startedMs: number,
  ): BatchDecision | Promise<BatchDecision> {
    let pending: Promise<void>[] | undefined;
    const latencyUs = microsecondsSince(startedMs);
    for (const [index, outcome] of batch.items.entries()) {
      const call = calls[index];
      if (call === undefined) continue;
      const recorded = this.#record(context, call, outcome, latencyUs);
      if (recorded !== undefined) (pending ??= []).push(recorded);
    }
    return pending === undefined ? batch : settle(pending).then(() => batch);
  }

  /** What ends in an error is recorded as that, whatever kept it from a decision. */
  #fail(
    context: RequestContext,
    calls: readonly Call[],
    error: unknown,
    startedMs: number,
  ): never | Promise<never> {
    if (!(error instanceof DomainError)) throw error;
    let pending: Promise<void>[] | undefined;
    const latencyUs = microsecondsSince(startedMs);
    for (const call of calls) {
      const recorded = this.#record(context, call, error, latencyUs);
      if (recorded !== undefined) (pending ??= []).push(recorded);
    }
    if (pending === undefined) throw error;
    return settle(pending).then(() => Promise.reject(error));
  }

  #record(
    context: RequestContext,
    call: Call,
    outcome: Outcome,
    latencyUs: number,
  ): undefined | Promise<void> {
    const recorded = this.#decisions.record({ context, call, outcome, latencyUs });
    return recorded instanceof Promise ? recorded : undefined;
  }
}

function microsecondsSince(startedMs: number): number {
  return (performance.now() - startedMs) * 1_000;
}

function orThrow(outcome: Outcome): Decision {
  if (outcome instanceof DomainError) throw outcome;
  return outcome;
}

async function settle(pending: readonly Promise<void>[]): Promise<void> {
  await Promise.all(pending);
}
