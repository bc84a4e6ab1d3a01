import type { Call, Explanation } from "../core/decision.ts";
import { formatObject } from "../core/object.ts";
import { authorize, type AuthorizeAnswer } from "./authorize.ts";
import { checkRelation, formatCheck, type CheckAnswer, type CheckQuery } from "./check.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits, StepMeter } from "./limits.ts";
import { Trace } from "./trace.ts";
import type { View } from "./view.ts";

/** An answer, and how it came about. */
export interface Explained<Answer> {
  readonly answer: Answer;
  readonly explanation: Explanation;
}

/** The same evaluation as `authorize`, with its tree: what a definite failure made needless is not in it. */
export function explainCall(
  view: View,
  call: Call,
  limits: EngineLimits,
  meter?: StepMeter,
): Evaluated<Explained<AuthorizeAnswer>> {
  const trace = new Trace(limits.explanationNodesMax);
  const evaluated = authorize(view, call, limits, trace, meter);
  if (evaluated.kind === "missing") return evaluated;
  const answer = evaluated.value;
  const actors = call.actors.map(formatObject).join(", ");
  const label = `${actors} for ${formatObject(call.principal)}: ${formatObject(call.tool)}`;
  const explanation = trace.finish(label, ...outcomeOfCall(answer));
  return { kind: "decided", value: { answer, explanation } };
}

/** The same evaluation as `checkRelation`, with its tree. */
export function explainCheck(
  view: View,
  query: CheckQuery,
  limits: EngineLimits,
): Evaluated<Explained<CheckAnswer>> {
  const trace = new Trace(limits.explanationNodesMax);
  const evaluated = checkRelation(view, query, limits, trace);
  if (evaluated.kind === "missing") return evaluated;
  const answer = evaluated.value;
  const explanation = trace.finish(formatCheck(query), ...outcomeOfCheck(answer));
  return { kind: "decided", value: { answer, explanation } };
}

function outcomeOfCall(
  answer: AuthorizeAnswer,
): readonly [outcome: Explanation["outcome"], detail?: string] {
  switch (answer.kind) {
    case "allowed":
      return ["yes"];
    case "denied":
      return [
        answer.reason === "context_missing" ? "needs_context" : "no",
        `${answer.reason}: ${answer.detail}`,
      ];
    case "error":
      return ["unknown", answer.detail];
  }
}

function outcomeOfCheck(
  answer: CheckAnswer,
): readonly [outcome: Explanation["outcome"], detail?: string] {
  switch (answer.kind) {
    case "member":
      return ["yes"];
    case "not_member":
      return ["no"];
    case "needs":
      return ["needs_context", `needs ${answer.names.join(", ")}`];
    case "error":
      return ["unknown", answer.detail];
  }
}
