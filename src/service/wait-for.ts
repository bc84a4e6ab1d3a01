import type { Permits } from "../core/caller.ts";
import { DomainError } from "../core/error.ts";
import { parseToken } from "../core/revision.ts";
import type { Mutator } from "./mutator.ts";
import type { RequestContext, WriteResult } from "./request.ts";
import type { Storage } from "./storage.ts";

/**
 * Runs the barrier again at a token's revision: for a write that was answered with `not_enforced`, or
 * that skipped it. Fails with `outcome_unknown` where the token is of another timeline, with
 * `revision_ahead` beyond the head: what nobody has written would hold up the barrier of those who write.
 */
export async function waitFor(
  {
    mutator,
    permits,
    storage,
  }: { readonly mutator: Mutator; readonly permits: Permits; readonly storage: Storage },
  context: RequestContext,
  text: string,
): Promise<WriteResult> {
  const { tenant, caller } = context;
  const startedMs = performance.now();
  await permits(caller, "member", { tenant });
  const token = parseToken(text, tenant, "token");
  const head = await storage.tenants.head(tenant);
  if (token.timeline === head.timeline && token.revision > head.revision) {
    throw new DomainError(
      "revision_ahead",
      `revision ${token.revision} is not there yet, the head is ${head.revision}`,
      { field: "token" },
    );
  }
  return mutator.enforce(context, { skipBarrier: false }, token, startedMs);
}
