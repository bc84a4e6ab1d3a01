import type { Permits } from "../core/caller.ts";
import { toolType } from "../core/delegation.ts";
import type { Call, Decision, Explanation, Verdict } from "../core/decision.ts";
import { DomainError } from "../core/error.ts";
import { formatToken } from "../core/revision.ts";
import { authorize } from "../engine/authorize.ts";
import { explainCall } from "../engine/explain.ts";
import type { Evaluated } from "../engine/graph.ts";
import type { EngineLimits } from "../engine/limits.ts";
import type { EngineError } from "../engine/view.ts";
import type { Snapshot } from "../replica/replica.ts";
import type { Authorizer, BatchDecision, CheckOptions } from "./authorizer.ts";
import type { DecisionSink } from "./decision-event.ts";
import { errorOf, type Evaluator } from "./evaluator.ts";
import type { RequestContext } from "./request.ts";

interface Dependencies {
  readonly evaluator: Evaluator;
  readonly permits: Permits;
  readonly limits: EngineLimits;
  readonly decisions: DecisionSink;
  /** Unique in the deployment. */
  readonly newDecisionId: () => string;
}

/** A verdict with what it is a function of; no symbol of the snapshot in it. */
interface Judged {
  readonly answer: Verdict | EngineError;
  readonly explanation?: Explanation;
}

type Position = Pick<Decision, "tenant" | "timeline" | "revision" | "modelId">;

/** The use case of the hot path: it makes no promise where none is needed. */
export function createAuthorizer(dependencies: Dependencies): Authorizer {
  return new CallAuthorizer(dependencies);
}

class CallAuthorizer implements Authorizer {
  readonly #evaluator: Evaluator;
  readonly #permits: Permits;
  readonly #limits: EngineLimits;
  readonly #decisions: DecisionSink;
  readonly #newDecisionId: () => string;

  constructor({ evaluator, permits, limits, decisions, newDecisionId }: Dependencies) {
    this.#evaluator = evaluator;
    this.#permits = permits;
    this.#limits = limits;
    this.#decisions = decisions;
    this.#newDecisionId = newDecisionId;
  }

  check(context: RequestContext, call: Call, options: CheckOptions): Decision | Promise<Decision> {
    const startedMs = performance.now();
    const answered = afterwards(this.#permit(context, [call]), () =>
      afterwards(
        this.#evaluator.run(context, options.consistency, (snapshot) =>
          mapEvaluated(this.#judge(snapshot, call, options.explain), (judged) => ({
            judged,
            position: positionOf(snapshot),
          })),
        ),
        ({ judged, position }) => this.#decisionOf(judged, position),
      ),
    );
    return afterwards(answered, (outcome) => {
      const recorded = this.#record(context, call, outcome, startedMs);
      return afterwards(recorded, () => {
        if (outcome instanceof DomainError) throw outcome;
        return outcome;
      });
    });
  }

  checkBatch(
    context: RequestContext,
    calls: readonly Call[],
    options: CheckOptions,
  ): BatchDecision | Promise<BatchDecision> {
    const startedMs = performance.now();
    const judgedAll = afterwards(this.#permit(context, calls), () =>
      this.#evaluator.run(context, options.consistency, (snapshot) => {
        const all = this.#judgeAll(snapshot, calls, options.explain);
        return mapEvaluated(all, (judged) => ({ judged, position: positionOf(snapshot) }));
      }),
    );
    return afterwards(judgedAll, ({ judged, position }) => {
      const items = judged.map((one) => this.#decisionOf(one, position));
      const waits = calls.flatMap((call, index) => {
        const outcome = items[index];
        return outcome === undefined ? [] : [this.#record(context, call, outcome, startedMs)];
      });
      const pending = waits.filter((wait) => wait instanceof Promise);
      const answer = { items, token: formatToken(position) };
      return afterwards(all(pending), () => answer);
    });
  }

  #permit(context: RequestContext, calls: readonly Call[]): void | Promise<void> {
    const { caller, tenant } = context;
    const asked = calls.flatMap((call) => {
      const scope = { tenant, principal: call.principal, tool: call.tool };
      const check = this.#permits(caller, "checker", scope);
      if (call.contextualTuples.length === 0) return [check];
      return [check, this.#permits(caller, "context_provider", scope)];
    });
    const pending = asked.filter((one) => one instanceof Promise);
    return all(pending);
  }

  #judge(snapshot: Snapshot, call: Call, explain: boolean): Evaluated<Judged> {
    if (call.tool.type !== toolType) {
      const detail = `tool must be an object of type \`${toolType}\``;
      return { kind: "decided", value: { answer: { kind: "error", code: "malformed", detail } } };
    }
    if (explain) return explainCall(snapshot, call, this.#limits);
    return mapEvaluated(authorize(snapshot, call, this.#limits), (answer) => ({ answer }));
  }

  /** Every call is explored before any page is loaded, so that a batch loads once. */
  #judgeAll(
    snapshot: Snapshot,
    calls: readonly Call[],
    explain: boolean,
  ): Evaluated<readonly Judged[]> {
    const evaluated = calls.map((call) => this.#judge(snapshot, call, explain));
    const pages = evaluated.flatMap((one) => (one.kind === "missing" ? one.pages : []));
    if (pages.length > 0) return { kind: "missing", pages };
    return {
      kind: "decided",
      value: evaluated.flatMap((one) => (one.kind === "decided" ? [one.value] : [])),
    };
  }

  #decisionOf(judged: Judged, position: Position): Decision | DomainError {
    const { answer, explanation } = judged;
    if (answer.kind === "error") return errorOf(answer);
    return {
      id: this.#newDecisionId(),
      verdict: answer,
      ...position,
      ...(explanation === undefined ? {} : { explanation }),
    };
  }

  #record(
    context: RequestContext,
    call: Call,
    outcome: Decision | DomainError,
    startedMs: number,
  ): void | Promise<void> {
    const latencyUs = (performance.now() - startedMs) * 1_000;
    return this.#decisions.record({ context, call, outcome, latencyUs });
  }
}

async function settle(pending: readonly Promise<void>[]): Promise<void> {
  await Promise.all(pending);
}

function all(pending: readonly Promise<void>[]): void | Promise<void> {
  return pending.length === 0 ? undefined : settle(pending);
}

/** Goes on at once where there is no promise: a promise costs a turn of the event loop. */
function afterwards<Value, Next>(
  value: Value | Promise<Value>,
  proceed: (value: Value) => Next | Promise<Next>,
): Next | Promise<Next> {
  return value instanceof Promise ? value.then(proceed) : proceed(value);
}

function mapEvaluated<Value, Next>(
  evaluated: Evaluated<Value>,
  map: (value: Value) => Next,
): Evaluated<Next> {
  if (evaluated.kind === "missing") return evaluated;
  return { kind: "decided", value: map(evaluated.value) };
}

function positionOf(snapshot: Snapshot): Position {
  const { tenant, timeline, revision, modelId } = snapshot;
  return { tenant, timeline, revision, modelId };
}
