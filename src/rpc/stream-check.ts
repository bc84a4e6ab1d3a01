import type { MessageInitShape } from "@bufbuild/protobuf";
import { DomainError } from "../core/error.ts";
import type {
  StreamCheckRequest,
  StreamCheckResponseSchema,
} from "../gen/prokura/v1/authorization_pb.ts";
import type { CallContext } from "./call.ts";
import { costOf, type CallerBudgets } from "./caller-budgets.ts";
import { checkItems, type CheckParts } from "./check-batch.ts";
import { itemErrorToProto } from "./errors.ts";
import type { RequestLimits } from "./limits.ts";

type Answer = MessageInitShape<typeof StreamCheckResponseSchema>;

/** Reports an error that its client is told of as "internal error" only. */
export type ReportBug = (error: unknown) => void;

/** Answers one message of a check stream. An error is its answer, too: it ends nothing. */
export function streamCheck(
  parts: CheckParts & { readonly budgets: CallerBudgets },
  limits: RequestLimits,
  request: StreamCheckRequest,
  call: CallContext,
  reportBug: ReportBug,
): Answer | Promise<Answer> {
  const { tag } = request;
  try {
    parts.budgets.spend(call.caller, costOf(request));
    const answer = checkItems(parts, limits, request, call);
    if (!(answer instanceof Promise)) return { tag, ...answer };
    return answer.then((batch) => ({ tag, ...batch }), failed);
  } catch (error) {
    return failed(error);
  }

  function failed(error: unknown): Answer {
    if (!(error instanceof DomainError)) reportBug(error);
    return { tag, error: itemErrorToProto(error) };
  }
}
