import { delegationType, toolType } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { parseName, type Name } from "../core/object.ts";
import { formatTuple, type RelationTuple, type TupleFilter } from "../core/tuple.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import { findContractConflict } from "../model/contract-tuple.ts";
import type { RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";

const chunkTuples = 5_000;

/**
 * Refuses a model under which stored tuples of the contract would lose their meaning: to ignore a
 * suspension or a requirement would allow what is denied. Reads them chunk by chunk.
 */
export function contractGuard({
  storage,
}: {
  readonly storage: Storage;
}): (context: RequestContext, model: AuthorizationModel) => Promise<void> {
  return async (context, model) => {
    for (const filter of contractFilters()) await requireFilter(storage, context, model, filter);
  };
}

/** What `isContractTuple` picks from: more than it, never less. */
function contractFilters(): readonly TupleFilter[] {
  const name = (text: string): Name => parseName(text, "name");
  return [
    { objectType: name(delegationType) },
    { objectType: name(toolType) },
    { relation: name("suspended") },
    { relation: name("requires") },
  ];
}

async function requireFilter(
  storage: Storage,
  context: RequestContext,
  model: AuthorizationModel,
  filter: TupleFilter,
): Promise<void> {
  const { revision } = await storage.tenants.head(context.tenant);
  let after: RelationTuple | undefined;
  for (;;) {
    context.signal.throwIfAborted();
    const query = { filter, revision, limit: chunkTuples };
    const tuples: readonly RelationTuple[] = await storage.tuples.read(
      context.tenant,
      after === undefined ? query : { ...query, after },
    );
    const conflict = findContractConflict(model, tuples);
    if (conflict !== undefined) {
      throw new DomainError(
        "precondition_failed",
        `the model would make the stored tuple \`${formatTuple(conflict.tuple)}\` invalid: ${conflict.error.message}`,
        { hint: "delete the tuple first, or keep its relation as it is" },
      );
    }
    after = tuples.at(-1);
    if (after === undefined || tuples.length < chunkTuples) return;
  }
}
