import type { CheckResponse } from "../gen/prokura/v1/authorization_pb.ts";
import { Verdict } from "../gen/prokura/v1/authorization_pb.ts";
import { reasonName } from "./enum-name.ts";

/** What a client does with a decision: let the call through, or say why not. */
export type ClientDecision =
  | { readonly kind: "allowed"; readonly id: string; readonly delegationIds: readonly string[] }
  | {
      readonly kind: "denied";
      readonly id: string;
      /** As in `resource_not_covered`. `unknown` where this client is older than the reason, `unspecified` where there is none. */
      readonly reason: string;
      readonly detail: string;
      readonly missingContext: readonly string[];
      readonly delegationIds: readonly string[];
    };

/**
 * Reads an answer as an enforcement point must: only `ALLOWED` without obligations is allowed. A
 * verdict or an obligation that this client does not know lets nothing through.
 */
export function decisionFromProto(response: CheckResponse): ClientDecision {
  const { decisionId: id, delegationIds } = response;
  if (response.verdict === Verdict.ALLOWED && response.obligations.length === 0) {
    return { kind: "allowed", id, delegationIds };
  }
  return {
    kind: "denied",
    id,
    reason: reasonOf(response),
    detail: response.detail,
    missingContext: response.missingContext,
    delegationIds,
  };
}

function reasonOf({ obligations, reason }: CheckResponse): string {
  return obligations.length > 0 ? "obligation_unknown" : reasonName(reason) || "unspecified";
}
