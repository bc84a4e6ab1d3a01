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
  const { evaluator, permits, limits, decisions, newDecisionId } = dependencies;
  return { check, checkBatch };

  function check(
    context: RequestContext,
    call: Call,
    options: CheckOptions,
  ): Decision | Promise<Decision> {
    const startedMs = performance.now();
    const answered = afterwards(permit(context, [call]), () =>
      afterwards(
        evaluator.run(context, options.consistency, (snapshot) =>
          mapEvaluated(judge(snapshot, call, options.explain), (judged) => ({
            judged,
            position: positionOf(snapshot),
          })),
        ),
        ({ judged, position }) => decisionOf(judged, position),
      ),
    );
    return afterwards(answered, (outcome) => {
      const recorded = record(context, call, outcome, startedMs);
      return afterwards(recorded, () => {
        if (outcome instanceof DomainError) throw outcome;
        return outcome;
      });
    });
  }

  function checkBatch(
    context: RequestContext,
    calls: readonly Call[],
    options: CheckOptions,
  ): BatchDecision | Promise<BatchDecision> {
    const startedMs = performance.now();
    const judgedAll = afterwards(permit(context, calls), () =>
      evaluator.run(context, options.consistency, (snapshot) => {
        const all = judgeAll(snapshot, calls, options.explain);
        return mapEvaluated(all, (judged) => ({ judged, position: positionOf(snapshot) }));
      }),
    );
    return afterwards(judgedAll, ({ judged, position }) => {
      const items = judged.map((one) => decisionOf(one, position));
      const waits = calls.flatMap((call, index) => {
        const outcome = items[index];
        return outcome === undefined ? [] : [record(context, call, outcome, startedMs)];
      });
      const pending = waits.filter((wait) => wait instanceof Promise);
      const answer = { items, token: formatToken(position) };
      return pending.length === 0 ? answer : Promise.all(pending).then(() => answer);
    });
  }

  function permit(context: RequestContext, calls: readonly Call[]): void | Promise<void> {
    const { caller, tenant } = context;
    const asked = calls.flatMap((call) => {
      const scope = { tenant, principal: call.principal, tool: call.tool };
      const check = permits(caller, "checker", scope);
      if (call.contextualTuples.length === 0) return [check];
      return [check, permits(caller, "context_provider", scope)];
    });
    const pending = asked.filter((one) => one instanceof Promise);
    if (pending.length > 0) return Promise.all(pending).then(() => undefined);
    return undefined;
  }

  function judge(snapshot: Snapshot, call: Call, explain: boolean): Evaluated<Judged> {
    if (call.tool.type !== toolType) {
      const detail = `tool must be an object of type \`${toolType}\``;
      return { kind: "decided", value: { answer: { kind: "error", code: "malformed", detail } } };
    }
    if (explain) return explainCall(snapshot, call, limits);
    return mapEvaluated(authorize(snapshot, call, limits), (answer) => ({ answer }));
  }

  /** Every call is explored before any page is loaded, so that a batch loads once. */
  function judgeAll(
    snapshot: Snapshot,
    calls: readonly Call[],
    explain: boolean,
  ): Evaluated<readonly Judged[]> {
    const evaluated = calls.map((call) => judge(snapshot, call, explain));
    const pages = evaluated.flatMap((one) => (one.kind === "missing" ? one.pages : []));
    if (pages.length > 0) return { kind: "missing", pages };
    return {
      kind: "decided",
      value: evaluated.flatMap((one) => (one.kind === "decided" ? [one.value] : [])),
    };
  }

  function decisionOf(judged: Judged, position: Position): Decision | DomainError {
    const { answer, explanation } = judged;
    if (answer.kind === "error") return errorOf(answer);
    return {
      id: newDecisionId(),
      verdict: answer,
      ...position,
      ...(explanation === undefined ? {} : { explanation }),
    };
  }

  function record(
    context: RequestContext,
    call: Call,
    outcome: Decision | DomainError,
    startedMs: number,
  ): void | Promise<void> {
    const latencyUs = (performance.now() - startedMs) * 1_000;
    return decisions.record({ context, call, outcome, latencyUs });
  }
}

/** Goes on at once where there is no promise: a promise costs a turn of the event loop. */
function afterwards<Value, Next>(
  value: Value | Promise<Value>,
  next: (value: Value) => Next | Promise<Next>,
): Next | Promise<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
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
