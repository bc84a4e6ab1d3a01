import { delegationType, toolType } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { parseName, type Name } from "../core/object.ts";
import type { Revision } from "../core/revision.ts";
import { formatTuple, type RelationTuple, type TupleFilter } from "../core/tuple.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import { findContractConflict } from "../model/contract-tuple.ts";
import type { Precondition } from "../store/mutation.ts";
import type { RequestContext } from "./request.ts";
import type { Storage } from "./storage.ts";

const chunkTuples = 5_000;

/**
 * Refuses a model under which stored tuples of the contract would lose their meaning: to ignore a
 * suspension or a requirement would allow what is denied. Reads them chunk by chunk, and returns what
 * must still be so when the model is activated: a suspension that comes in between counts as well.
 */
export function contractGuard({
  storage,
}: {
  readonly storage: Storage;
}): (context: RequestContext, model: AuthorizationModel) => Promise<readonly Precondition[]> {
  return async (context, model) => {
    const { revision } = await storage.tenants.head(context.tenant);
    for (const filter of contractFilters()) {
      await requireFilter(storage, context, model, filter, revision);
    }
    return takingRelations.map((relation) => ({ kind: "unchanged_since", revision, relation }));
  };
}

/**
 * What takes away where it is stored. Links of a chain are left out: one that is ignored breaks its
 * chain, and they come by the second.
 */
const takingRelations: readonly Name[] = ["suspended", "requires", "server"].map((text) =>
  parseName(text, "relation"),
);

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
  revision: Revision,
): Promise<void> {
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
