import { delegationType } from "../core/delegation.ts";
import {
  formatObject,
  parseName,
  parseObjectId,
  type ObjectId,
  type ObjectRef,
} from "../core/object.ts";
import { CoverSearch } from "./coverers.ts";
import type { Contract } from "./contract.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { takeSlices, type Listing, type Slice } from "./listing.ts";
import { intersection, isCertain, member, notMember } from "./membership.ts";
import { Run } from "./run.ts";
import { SortedRuns, type SortedCursor } from "./sorted-runs.ts";
import { leftOut, unsure, verifyInOrder } from "./verification.ts";
import { mapAnswer, type EngineError, type View } from "./view.ts";

/** Which delegations are meant; all that is set must hold. Nothing set selects nothing. */
export interface SelectQuery {
  readonly delegationId?: string;
  readonly principal?: ObjectRef;
  readonly actor?: ObjectRef;
  /** By coverage, wildcards and `within` included, conditions ignored. */
  readonly tool?: ObjectRef;
  readonly resource?: ObjectRef;
  readonly session?: ObjectRef;
}

export type SelectAnswer =
  | {
      readonly kind: "selection";
      /** Ids that the query chose, in canonical order; expired delegations are among them. */
      readonly selected: readonly string[];
    }
  | EngineError;

/** Finds delegations by what they say and by what they cover. */
export function selectDelegations(
  view: View,
  query: SelectQuery,
  limits: EngineLimits,
): Evaluated<SelectAnswer> {
  const selection = new DelegationSelection(query, limits);
  const evaluated = takeSlices(selection, view, Infinity, nothingWanted);
  return mapAnswer(evaluated, ({ elements }) => ({ kind: "selection", selected: elements }));
}

const nothingWanted: EngineError = {
  kind: "error",
  code: "not_supported",
  detail: "pages list all that a selection reads",
};

/** One of the conditions of a query; `undefined`: it has found all that it can. */
type Source =
  | { readonly kind: "id"; readonly id: ObjectId }
  | {
      readonly kind: "party";
      readonly relation: "principal" | "delegate";
      readonly object: ObjectRef;
    }
  | { readonly kind: "covering"; readonly search: CoverSearch; readonly object: ObjectRef };

/** `selectDelegations` in slices. What a source finds counts if those before it found it too. */
export class DelegationSelection implements Listing<ObjectId> {
  readonly wanted = undefined;
  readonly #limits: EngineLimits;
  readonly #sources: readonly Source[];
  readonly #after: string | undefined;
  /** The source in hand, and how many of its tuples were read. */
  #source = 0;
  #position = 0;
  /** What all sources before that in hand have found; absent before the first. */
  #before: ReadonlySet<ObjectId> | undefined;
  #found = new Set<ObjectId>();
  #candidates = new SortedRuns<ObjectId>();
  /** Set once all sources are done. */
  #cursor: SortedCursor<ObjectId> | undefined;
  #last: string;

  /** `after`: the id after which the list begins. */
  constructor(query: SelectQuery, limits: EngineLimits, after?: string) {
    this.#limits = limits;
    this.#sources = sourcesOf(query);
    this.#after = after;
    this.#last = after ?? "";
  }

  get weight(): number {
    const { size = 0 } = this.#before ?? {};
    const source = this.#sources[this.#source];
    const searched = source?.kind === "covering" ? source.search.weight : 0;
    return size + this.#found.size + this.#candidates.size + searched;
  }

  supply(): void {
    // Nothing is wanted.
  }

  slice(view: View, limit: number): Evaluated<Slice<ObjectId> | EngineError> {
    const { contract } = view.plan;
    const refused = contract === undefined ? noDelegations : this.#refuse(view);
    if (contract === undefined || refused !== undefined) {
      return { kind: "decided", value: refused ?? noDelegations };
    }
    const run = new Run(view, this.#limits, []);
    if (this.#cursor !== undefined) return this.#verify(run, contract, this.#cursor, limit);
    const source = this.#sources[this.#source];
    if (source === undefined) return { kind: "decided", value: { kind: "slice", elements: [] } };
    const advanced = this.#advance(run, contract, source);
    return mapAnswer(advanced, ({ ids, isDone }) => {
      this.#take(ids);
      if (isDone) this.#endSource();
      return this.#sliceOf([]);
    });
  }

  #refuse({ plan }: View): EngineError | undefined {
    for (const source of this.#sources) {
      if (source.kind !== "covering" || plan.model.types.has(source.object.type)) continue;
      const detail = `the model has no type for \`${formatObject(source.object)}\``;
      return { kind: "error", code: "unknown_type", detail };
    }
    return undefined;
  }

  /** Where pages are missing, all is as it was. */
  #advance(run: Run, contract: Contract, source: Source): Evaluated<Advanced | EngineError> {
    switch (source.kind) {
      case "id": {
        const ids = stands(run, contract, source.id) ? [source.id] : [];
        return run.finish({ kind: "advanced", ids, isDone: true });
      }
      case "party":
        return this.#readParty(run, contract, source);
      case "covering": {
        const { search } = source;
        return mapAnswer(search.advance(run, contract), ({ ids }) => ({
          kind: "advanced" as const,
          ids,
          isDone: search.isDone,
        }));
      }
    }
  }

  #readParty(
    run: Run,
    contract: Contract,
    { relation, object }: Extract<Source, { readonly kind: "party" }>,
  ): Evaluated<Advanced | EngineError> {
    const subject = run.scope.findSubject({ kind: "object", object });
    if (subject === undefined) {
      return { kind: "decided", value: { kind: "advanced", ids: [], isDone: true } };
    }
    const page = run.scope.reverse(subject, contract.delegation, contract[relation].relation);
    if (page === undefined) return run.finish(run.error());
    const from = this.#position;
    const count = Math.min(page.count - from, this.#limits.sliceStepsMax);
    const ids = Array.from({ length: count }, (_, at) => run.scope.idOf(page.objectAt(from + at)));
    this.#position = from + count;
    const isDone = this.#position >= page.count;
    return { kind: "decided", value: { kind: "advanced", ids, isDone } };
  }

  #take(ids: readonly ObjectId[]): void {
    const before = this.#before;
    const common = before === undefined ? ids : ids.filter((id) => before.has(id));
    const fresh = common.filter((id) => !this.#found.has(id));
    for (const id of fresh) this.#found.add(id);
    if (this.#source === this.#sources.length - 1) this.#candidates.add(fresh);
  }

  #endSource(): void {
    const source = this.#sources[this.#source];
    if (source?.kind === "covering") source.search.forget();
    this.#source += 1;
    this.#position = 0;
    this.#before = this.#found;
    this.#found = new Set();
    if (this.#source < this.#sources.length) return;
    this.#before = undefined;
    this.#cursor = this.#candidates.cursor(this.#after);
  }

  #verify(
    run: Run,
    contract: Contract,
    cursor: SortedCursor<ObjectId>,
    limit: number,
  ): Evaluated<Slice<ObjectId> | EngineError> {
    const type = run.scope.nameOf(contract.delegation);
    const judges = this.#sources.flatMap((source) =>
      source.kind === "covering" ? [source.search.judgeIn(run, contract)] : [],
    );
    const verified = verifyInOrder<ObjectId, ObjectId>(run, cursor, limit, (id) => {
      run.spend();
      const delegation = run.scope.object({ type, id });
      let value = member;
      for (const judge of judges) value = intersection(value, judge(delegation));
      if (!isCertain(value)) return unsure;
      return value === notMember ? leftOut : { kind: "listed", element: id };
    });
    return mapAnswer(verified, ({ elements, last = this.#last }) => {
      this.#last = last;
      return this.#sliceOf(elements);
    });
  }

  #sliceOf(elements: readonly ObjectId[]): Slice<ObjectId> {
    const isWhole = this.#cursor?.isEmpty === true;
    return isWhole ? { kind: "slice", elements } : { kind: "slice", elements, next: this.#last };
  }
}

interface Advanced {
  readonly kind: "advanced";
  readonly ids: readonly ObjectId[];
  readonly isDone: boolean;
}

/** Those first that mostly find little. */
function sourcesOf(query: SelectQuery): readonly Source[] {
  const { delegationId, principal, actor } = query;
  const sources: Source[] = [];
  if (delegationId !== undefined) {
    sources.push({ kind: "id", id: parseObjectId(delegationId, "delegation_id") });
  }
  if (actor !== undefined) sources.push({ kind: "party", relation: "delegate", object: actor });
  if (principal !== undefined) {
    sources.push({ kind: "party", relation: "principal", object: principal });
  }
  for (const covering of ["tool", "resource", "session"] as const) {
    const object = query[covering];
    if (object === undefined) continue;
    sources.push({ kind: "covering", search: new CoverSearch(covering, object), object });
  }
  return sources;
}

/** Whether there is any such delegation, whole or not. */
function stands({ scope }: Run, contract: Contract, id: ObjectId): boolean {
  const delegation = scope.object({ type: parseName(delegationType, "type"), id });
  const relations = [contract.principal, contract.delegator, contract.delegate, contract.parent];
  return relations.some(({ relation }) => {
    const page = scope.forward(delegation, relation);
    return page !== undefined && page.count > 0;
  });
}

const noDelegations: EngineError = {
  kind: "error",
  code: "no_delegations",
  detail: `the active authorization model has no type \`${delegationType}\``,
};
