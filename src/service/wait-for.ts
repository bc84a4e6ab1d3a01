import type { Permits } from "../core/caller.ts";
import { parseToken } from "../core/revision.ts";
import type { Mutator } from "./mutator.ts";
import type { RequestContext, WriteResult } from "./request.ts";

/**
 * Runs the barrier again at a token's revision: for a write that was answered with `not_enforced`, or
 * that skipped it. Fails with `outcome_unknown` where the token is of another timeline.
 */
export async function waitFor(
  { mutator, permits }: { readonly mutator: Mutator; readonly permits: Permits },
  context: RequestContext,
  text: string,
): Promise<WriteResult> {
  const { tenant, caller } = context;
  const startedMs = performance.now();
  await permits(caller, "checker", { tenant });
  const token = parseToken(text, tenant, "token");
  return mutator.enforce(context, { skipBarrier: false }, token, startedMs);
}
