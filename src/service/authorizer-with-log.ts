import type { Authorizer } from "./authorizer.ts";
import type { DecisionLog } from "./decision-log.ts";

/**
 * The same authorizer, which begins no call whose decision the log could not take: judged and then
 * refused it would cost as much as one that is answered, and with many such nothing would be answered.
 */
export function authorizerWithLog(
  authorizer: Authorizer,
  log: Pick<DecisionLog, "admit"> | undefined,
): Authorizer {
  if (log === undefined) return authorizer;
  return {
    check: (context, call, options) => {
      log.admit(1);
      return authorizer.check(context, call, options);
    },
    checkBatch: (context, calls, options) => {
      log.admit(calls.length);
      return authorizer.checkBatch(context, calls, options);
    },
  };
}
