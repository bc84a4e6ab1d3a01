import type { JsonObject } from "../core/json.ts";
import type { ObjectRef } from "../core/object.ts";
import type { SubjectSymbol } from "../core/symbols.ts";
import { Checker } from "./checker.ts";
import type { Contract } from "./contract.ts";
import type { Run } from "./run.ts";

/** What is asked about a chain, apart from the tool and the resources. */
export interface PartiesQuery {
  readonly principal: ObjectRef;
  readonly actors: readonly ObjectRef[];
  readonly session?: ObjectRef;
  readonly delegationId?: string;
  readonly partialChain: boolean;
  readonly context: JsonObject;
}

/** Who acts for whom, in numbers, with the memberships that are asked of each kept together. */
export class Parties {
  readonly run: Run;
  readonly contract: Contract;
  readonly principal: SubjectSymbol;
  readonly actors: readonly SubjectSymbol[];
  readonly session: SubjectSymbol | undefined;
  readonly delegationId: string | undefined;
  readonly partialChain: boolean;
  readonly context: JsonObject;
  readonly #checkers = new Map<SubjectSymbol, Checker>();

  /** The types of all objects must be the model's. */
  constructor(run: Run, contract: Contract, query: PartiesQuery) {
    this.run = run;
    this.contract = contract;
    this.principal = run.scope.object(query.principal);
    this.actors = query.actors.map((actor) => run.scope.object(actor));
    this.session = query.session === undefined ? undefined : run.scope.object(query.session);
    this.delegationId = query.delegationId;
    this.partialChain = query.partialChain;
    this.context = query.context;
  }

  /** The memberships of a subject under the call's own context. */
  checker(subject: SubjectSymbol): Checker {
    let checker = this.#checkers.get(subject);
    if (checker === undefined) {
      checker = new Checker(this.run, subject, this.context);
      this.#checkers.set(subject, checker);
    }
    return checker;
  }

  /** The line for people. */
  format(symbol: SubjectSymbol): string {
    const { type, id } = this.run.scope.refOf(symbol);
    return `\`${type}:${id}\``;
  }
}
