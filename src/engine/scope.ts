import assert from "node:assert/strict";
import type { Name, ObjectId, ObjectRef } from "../core/object.ts";
import { formatPageKey, sortPageKeys, type PageKey } from "../core/page.ts";
import { formatSubject, type Subject } from "../core/subject.ts";
import type { NameNumber, SubjectKind, SubjectSymbol } from "../core/symbols.ts";
import type { RelationTuple } from "../core/tuple.ts";
import type { Graph, ObjectPage, SubjectPage, TupleFacts } from "./graph.ts";
import { Contextual } from "./contextual.ts";
import type { Plan } from "./plan.ts";

/**
 * The graph as one evaluation sees it: with numbers for subjects that no page knows, with the
 * contextual tuples laid over it, and with a note of every page that was missed. Owned by one
 * evaluation and dropped with it.
 *
 * Local symbols are below -1: they are in no page, so a page's `indexOf` finds none of them.
 */
export class Scope {
  readonly #graph: Graph;
  readonly #plan: Plan;
  // Most evaluations need none of these: they are made when first needed.
  #locals: Local[] | undefined;
  #localByText: Map<string, SubjectSymbol> | undefined;
  #missed: Map<string, PageKey> | undefined;
  #contextual: Contextual | undefined;
  /** Pages that are of this scope's own making: only these have local symbols. */
  #overlaid: Set<SubjectPage> | undefined;

  constructor(graph: Graph, plan: Plan) {
    this.#graph = graph;
    this.#plan = plan;
  }

  /** True once a page was missed: from then on nothing is decided, all else is looking ahead. */
  get hasMissed(): boolean {
    return this.#missed !== undefined;
  }

  missedPages(): readonly PageKey[] {
    return sortPageKeys(this.#missed?.values() ?? []);
  }

  /** Tuples of types and relations that the model does not have are left out: they say nothing. */
  addContextualTuples(tuples: readonly RelationTuple[]): void {
    for (const tuple of tuples) {
      const relation = this.#plan.numbers.get(tuple.relation);
      const object = this.findSubject({ kind: "object", object: tuple.object });
      const subject = this.findSubject(tuple.subject);
      if (relation === undefined || object === undefined || subject === undefined) continue;
      this.#contextual ??= new Contextual(this);
      this.#contextual.add({
        object,
        relation,
        subject,
        condition: tuple.condition,
        expiresAtMs: tuple.expiresAtMs ?? Number.POSITIVE_INFINITY,
      });
    }
  }

  /** The type must be one of the model's. */
  object(ref: ObjectRef): SubjectSymbol {
    const found = this.#graph.symbols.findObject(ref.type, ref.id);
    if (found !== -1) return found;
    const type = this.#plan.numbers.get(ref.type);
    assert(type !== undefined, "the types of a query are checked before it is evaluated");
    return this.#local({ kind: "object", object: ref }, type, -1, -1);
  }

  wildcard(type: NameNumber): SubjectSymbol {
    const found = this.#graph.symbols.findWildcard(type);
    if (found !== -1) return found;
    const name = this.#graph.symbols.nameOf(type);
    return this.#local({ kind: "wildcard", type: name }, type, -1, -1);
  }

  userset(object: SubjectSymbol, relation: NameNumber): SubjectSymbol {
    const found = object < 0 ? -1 : this.#graph.symbols.findUserset(object, relation);
    if (found !== -1) return found;
    const subject: Subject = {
      kind: "userset",
      object: this.refOf(object),
      relation: this.#graph.symbols.nameOf(relation),
    };
    return this.#local(subject, this.typeOf(object), object, relation);
  }

  /** `undefined` where the subject's type or relation is no name of the model. */
  findSubject(subject: Subject): SubjectSymbol | undefined {
    const { numbers } = this.#plan;
    switch (subject.kind) {
      case "object":
        return numbers.has(subject.object.type) ? this.object(subject.object) : undefined;
      case "userset": {
        const relation = numbers.get(subject.relation);
        if (relation === undefined || !numbers.has(subject.object.type)) return undefined;
        return this.userset(this.object(subject.object), relation);
      }
      case "wildcard": {
        const type = numbers.get(subject.type);
        return type === undefined ? undefined : this.wildcard(type);
      }
    }
  }

  kindOf(symbol: SubjectSymbol): SubjectKind {
    return symbol < 0 ? this.#localOf(symbol).subject.kind : this.#graph.symbols.kindOf(symbol);
  }

  typeOf(symbol: SubjectSymbol): NameNumber {
    return symbol < 0 ? this.#localOf(symbol).type : this.#graph.symbols.typeOf(symbol);
  }

  /** The object of a userset; of an object, itself. */
  objectOf(symbol: SubjectSymbol): SubjectSymbol {
    if (symbol >= 0) return this.#graph.symbols.objectOf(symbol);
    const { object } = this.#localOf(symbol);
    return object === -1 ? symbol : object;
  }

  /** -1 unless the symbol is a userset's. */
  relationOf(symbol: SubjectSymbol): NameNumber | -1 {
    if (symbol < 0) return this.#localOf(symbol).relation;
    const { symbols } = this.#graph;
    return symbols.kindOf(symbol) === "userset" ? symbols.relationOf(symbol) : -1;
  }

  isUserset(symbol: SubjectSymbol): boolean {
    return this.kindOf(symbol) === "userset";
  }

  /** Fails on a wildcard. */
  idOf(symbol: SubjectSymbol): ObjectId {
    if (symbol >= 0) return this.#graph.symbols.idOf(symbol);
    const { subject } = this.#localOf(symbol);
    assert(subject.kind !== "wildcard");
    return subject.object.id;
  }

  refOf(symbol: SubjectSymbol): ObjectRef {
    return { type: this.nameOf(this.typeOf(symbol)), id: this.idOf(symbol) };
  }

  subjectOf(symbol: SubjectSymbol): Subject {
    return symbol < 0 ? this.#localOf(symbol).subject : this.#graph.symbols.subjectOf(symbol);
  }

  nameOf(name: NameNumber): Name {
    return this.#graph.symbols.nameOf(name);
  }

  /** `undefined`: missed, and noted. */
  forward(object: SubjectSymbol, relation: NameNumber): SubjectPage | undefined {
    const page = object < 0 ? undefined : this.#graph.forward(object, relation);
    if (page === undefined) {
      this.#missForward(object, relation);
      return undefined;
    }
    if (this.#contextual === undefined) return page;
    const overlaid = this.#contextual.subjects(page, object, relation);
    if (overlaid === page) return page;
    this.#overlaid ??= new Set();
    this.#overlaid.add(overlaid);
    return overlaid;
  }

  /** Position of the tuple with this very subject, or -1. */
  positionIn(page: SubjectPage, subject: SubjectSymbol): number {
    return subject >= 0 || this.#overlaid?.has(page) === true ? page.indexOf(subject) : -1;
  }

  /** Of the stored tuples alone. */
  storedForward(object: SubjectSymbol, relation: NameNumber): SubjectPage | undefined {
    const page = object < 0 ? undefined : this.#graph.forward(object, relation);
    if (page === undefined) this.#missForward(object, relation);
    return page;
  }

  point(
    object: SubjectSymbol,
    relation: NameNumber,
    subject: SubjectSymbol,
  ): TupleFacts | "absent" | undefined {
    const facts =
      object < 0 || subject < 0 ? undefined : this.#graph.point(object, relation, subject);
    if (facts !== undefined) return facts;
    this.#miss({
      kind: "point",
      object: this.refOf(object),
      relation: this.nameOf(relation),
      subject: this.subjectOf(subject),
    });
    return undefined;
  }

  reverse(subject: SubjectSymbol, type: NameNumber, relation: NameNumber): ObjectPage | undefined {
    const page = subject < 0 ? undefined : this.#graph.reverse(subject, type, relation);
    if (page === undefined) {
      this.#miss({
        kind: "reverse",
        subject: this.subjectOf(subject),
        type: this.nameOf(type),
        relation: this.nameOf(relation),
      });
      return undefined;
    }
    return this.#contextual === undefined
      ? page
      : this.#contextual.objects(page, subject, type, relation);
  }

  delegations(
    principal: SubjectSymbol,
    delegate: SubjectSymbol,
  ): readonly SubjectSymbol[] | undefined {
    const found =
      principal < 0 || delegate < 0 ? undefined : this.#graph.delegations(principal, delegate);
    if (found === undefined) {
      this.#miss({
        kind: "pair",
        principal: this.refOf(principal),
        delegate: this.refOf(delegate),
      });
    }
    return found;
  }

  /** Delegations and tools are asked for whole: a check needs most of their relations. */
  #missForward(object: SubjectSymbol, relation: NameNumber): void {
    const contract = this.#plan.contract;
    const type = this.typeOf(object);
    const whole =
      contract !== undefined && (type === contract.delegation || type === contract.toolType);
    const ref = this.refOf(object);
    this.#miss(
      whole
        ? { kind: "object", object: ref }
        : { kind: "forward", object: ref, relation: this.nameOf(relation) },
    );
  }

  #miss(key: PageKey): void {
    this.#missed ??= new Map();
    this.#missed.set(formatPageKey(key), key);
  }

  #local(
    subject: Subject,
    type: NameNumber,
    object: SubjectSymbol | -1,
    relation: NameNumber | -1,
  ): SubjectSymbol {
    const text = formatSubject(subject);
    this.#locals ??= [];
    this.#localByText ??= new Map();
    const known = this.#localByText.get(text);
    if (known !== undefined) return known;
    this.#locals.push({ subject, type, object, relation });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- numbers of this scope alone
    const symbol = (-1 - this.#locals.length) as SubjectSymbol;
    this.#localByText.set(text, symbol);
    return symbol;
  }

  #localOf(symbol: SubjectSymbol): Local {
    const local = this.#locals?.[-2 - symbol];
    assert(local !== undefined, "a symbol is used outside its evaluation");
    return local;
  }
}

interface Local {
  readonly subject: Subject;
  readonly type: NameNumber;
  readonly object: SubjectSymbol | -1;
  readonly relation: NameNumber | -1;
}
