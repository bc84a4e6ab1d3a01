import type { JsonObject } from "../core/json.ts";
import type { ObjectId, ObjectRef } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import { noDelegations, refuseParties } from "./authorize.ts";
import { callCaseOf, type CallCase } from "./call-case.ts";
import { covers } from "./coverage.ts";
import { judgeEligibility } from "./eligibility.ts";
import type { Evaluated } from "./graph.ts";
import type { EngineLimits } from "./limits.ts";
import { takeSlices, type Listing, type Slice, type TupleRange } from "./listing.ts";
import { LiveChains, type LiveLink } from "./live-chains.ts";
import {
  intersection,
  isCertain,
  member,
  needs,
  notMember,
  union,
  type Membership,
} from "./membership.ts";
import { Parties } from "./parties.ts";
import { judgeOwnPermissions, judgeRegistration, judgeSuspensions } from "./principal-rules.ts";
import { Run } from "./run.ts";
import { SortedRuns, type SortedCursor } from "./sorted-runs.ts";
import { Tally } from "./tally.ts";
import { ToolSearch } from "./tool-search.ts";
import { leftOut, unsure, verifyInOrder } from "./verification.ts";
import { mapAnswer, type EngineError, type View } from "./view.ts";

/** Which tools may the last actor call for the principal, resources apart? */
export interface ListToolsQuery {
  readonly principal: ObjectRef;
  readonly actors: readonly ObjectRef[];
  readonly session?: ObjectRef;
  readonly delegationId?: string;
  readonly partialChain: boolean;
  readonly context: JsonObject;
  /**
   * All tools that are or may be registered: over these a delegation of every tool ranges, and no
   * page knows them. Where there is one and this is absent, the listing wants their tuples.
   */
  readonly registered?: readonly ObjectRef[];
  /** The id after which the slice begins. */
  readonly after?: string;
  readonly limit: number;
}

/** As `Slice`. */
export type ListToolsAnswer =
  | { readonly kind: "slice"; readonly tools: readonly ObjectRef[]; readonly next?: string }
  | EngineError;

/**
 * The tools for which some chain satisfies all rules, as far as they can be judged without resources;
 * where parameters of conditions are missing, they count as true.
 *
 * Fails with `not_supported` where a delegation covers every tool and `registered` is not given.
 */
export function listTools(
  view: View,
  query: ListToolsQuery,
  limits: EngineLimits,
): Evaluated<ListToolsAnswer> {
  const listing = new ToolListing(query, limits);
  const evaluated = takeSlices(listing, view, query.limit, unregistered);
  return mapAnswer(evaluated, ({ elements: tools, ...rest }) => ({ ...rest, tools }));
}

const unregistered: EngineError = {
  kind: "error",
  code: "not_supported",
  detail: "a delegation covers every tool, and it is not given which there are",
};

/** `listTools` in slices. */
export class ToolListing implements Listing<ObjectRef> {
  readonly #query: Omit<ListToolsQuery, "limit">;
  readonly #limits: EngineLimits;
  readonly #chains = new LiveChains();
  readonly #search: ToolSearch;
  readonly #candidates = new SortedRuns<ObjectId>();
  /** Set once all candidates are found. */
  #cursor: SortedCursor<ObjectId> | undefined;
  #last: string;

  constructor(query: Omit<ListToolsQuery, "limit">, limits: EngineLimits) {
    this.#query = query;
    this.#limits = limits;
    this.#search = new ToolSearch(query.registered);
    this.#last = query.after ?? "";
  }

  get wanted(): TupleRange | undefined {
    return this.#search.wanted;
  }

  get weight(): number {
    return this.#chains.weight + this.#search.weight + this.#candidates.size;
  }

  supply(tuples: readonly RelationTuple[], isLast: boolean): void {
    this.#search.supply(tuples, isLast);
  }

  slice(view: View, limit: number): Evaluated<Slice<ObjectRef> | EngineError> {
    const { contract } = view.plan;
    const refused =
      contract === undefined ? noDelegations() : refuseParties(view.plan, this.#query);
    if (contract === undefined || refused !== undefined) {
      return { kind: "decided", value: refused ?? noDelegations() };
    }
    const run = new Run(view, this.#limits, []);
    const parties = new Parties(run, contract, this.#query);
    if (this.#cursor !== undefined) return this.#verify(parties, this.#cursor, limit);
    return this.#chains.isDone ? this.#searchOn(run) : this.#chain(parties);
  }

  #chain(parties: Parties): Evaluated<Slice<ObjectRef> | EngineError> {
    return mapAnswer(this.#chains.advance(parties), () => {
      if (this.#chains.isDone) this.#search.start(this.#chains.leaves);
      return this.#sliceOf([]);
    });
  }

  #searchOn(run: Run): Evaluated<Slice<ObjectRef> | EngineError> {
    return mapAnswer(this.#search.advance(run), ({ found }) => {
      this.#candidates.add(found);
      if (this.#search.isDone) {
        this.#search.forget();
        this.#cursor = this.#candidates.cursor(this.#query.after);
      }
      return this.#sliceOf([]);
    });
  }

  #verify(
    parties: Parties,
    cursor: SortedCursor<ObjectId>,
    limit: number,
  ): Evaluated<Slice<ObjectRef> | EngineError> {
    const { run, contract } = parties;
    const type = run.scope.nameOf(contract.toolType);
    const chains = this.#chains.linksIn(parties);
    if (chains === undefined) return run.finish(run.error());
    const verified = verifyInOrder<ObjectRef, ObjectId>(run, cursor, limit, (id) => {
      const object = { type, id };
      const value = isCallable(parties, run.scope.object(object), chains);
      run.cutNames(0);
      if (!isCertain(value)) return unsure;
      return value === notMember ? leftOut : { kind: "listed", element: object };
    });
    return mapAnswer(verified, ({ elements, last = this.#last }) => {
      this.#last = last;
      return this.#sliceOf(elements);
    });
  }

  #sliceOf(elements: readonly ObjectRef[]): Slice<ObjectRef> {
    const isWhole = this.#cursor?.isEmpty === true;
    return isWhole ? { kind: "slice", elements } : { kind: "slice", elements, next: this.#last };
  }
}

/** Whether the rules about the tool hold, those about a chain for one of the chains. */
function isCallable(
  parties: Parties,
  tool: SubjectSymbol,
  chains: readonly (readonly LiveLink[])[],
): Membership {
  const call = callCaseOf(parties, tool, []);
  const tally = new Tally();
  judgeSuspensions(call, tally);
  if (tally.value !== notMember) judgeRegistration(call, tally);
  if (tally.value !== notMember) judgeOwnPermissions(call, tally);
  const own = asIfGiven(tally.value);
  if (own === notMember) return notMember;
  let result: Membership = notMember;
  for (const links of chains) {
    result = union(result, asIfGiven(judgeTool(call, links)));
    if (result === member) break;
  }
  return intersection(own, result);
}

/** Missing parameters count as true. */
function asIfGiven(value: Membership): Membership {
  return value === needs ? member : value;
}

/** Rules 3 and 5 for one chain, its resources apart. */
function judgeTool(
  { parties, tool, servers, coverableTool }: CallCase,
  links: readonly LiveLink[],
): Membership {
  const { run, contract } = parties;
  const tally = new Tally();
  for (const { delegation } of links) {
    if (!tally.add(covers(run, delegation, contract.tool, coverableTool), run.untilMs)) {
      return notMember;
    }
  }
  for (const { delegate } of links) {
    if (delegate !== -1) judgeEligibility(parties, delegate, tool, servers, tally);
  }
  return tally.value;
}
