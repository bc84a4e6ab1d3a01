import type { Explanation } from "../core/decision.ts";
import {
  ExplanationOutcome,
  type Explanation as ExplanationProto,
} from "../gen/prokura/v1/authorization_pb.ts";
import { tupleFromProto } from "./tuple.ts";

/** An outcome that this client does not know is `unknown`. */
export function explanationFromProto(proto: ExplanationProto): Explanation {
  const { label, tuple, detail, children, truncated } = proto;
  return {
    label,
    outcome: outcomeFromProto(proto.outcome),
    ...(tuple === undefined ? {} : { tuple: tupleFromProto(tuple) }),
    ...(detail === "" ? {} : { detail }),
    children: children.map(explanationFromProto),
    truncated,
  };
}

function outcomeFromProto(outcome: ExplanationOutcome): Explanation["outcome"] {
  switch (outcome) {
    case ExplanationOutcome.YES:
      return "yes";
    case ExplanationOutcome.NO:
      return "no";
    case ExplanationOutcome.NEEDS_CONTEXT:
      return "needs_context";
    case ExplanationOutcome.UNKNOWN:
    case ExplanationOutcome.UNSPECIFIED:
    default:
      return "unknown";
  }
}
