import assert from "node:assert/strict";
import { parseObject, type Name, type ObjectId } from "../core/object.ts";
import { formatSubject, type Subject } from "../core/subject.ts";
import type { NameNumber, SubjectKind, SubjectSymbol, Symbols } from "../core/symbols.ts";

/**
 * Symbols of a graph that is complete and short-lived: whatever is asked for gets a number, since
 * of every subject it is known which tuples it has, if only none. Nothing is given up.
 */
export class GrowingSymbols implements Symbols {
  readonly #names: Name[] = [];
  readonly #numberByName = new Map<string, NameNumber>();
  readonly #entries: Entry[] = [];
  readonly #symbolByText = new Map<string, SubjectSymbol>();

  internName(name: Name): NameNumber {
    const known = this.#numberByName.get(name);
    if (known !== undefined) return known;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- numbers are made here
    const number = this.#names.length as NameNumber;
    this.#names.push(name);
    this.#numberByName.set(name, number);
    return number;
  }

  findName(name: string): NameNumber | undefined {
    return this.#numberByName.get(name);
  }

  nameOf(name: NameNumber): Name {
    const found = this.#names[name];
    assert(found !== undefined, `no name has number ${name}`);
    return found;
  }

  internSubject(subject: Subject): SubjectSymbol {
    const text = formatSubject(subject);
    const known = this.#symbolByText.get(text);
    if (known !== undefined) return known;
    const object =
      subject.kind === "userset"
        ? this.internSubject({ kind: "object", object: subject.object })
        : undefined;
    const type = this.internName(subject.kind === "wildcard" ? subject.type : subject.object.type);
    const relation = subject.kind === "userset" ? this.internName(subject.relation) : undefined;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- numbers are made here
    const symbol = this.#entries.length as SubjectSymbol;
    this.#entries.push({ subject, type, object: object ?? symbol, relation });
    this.#symbolByText.set(text, symbol);
    return symbol;
  }

  findObject(type: string, id: string): SubjectSymbol {
    return this.internSubject({ kind: "object", object: parseObject(type, id, "object") });
  }

  findUserset(object: SubjectSymbol, relation: NameNumber): SubjectSymbol {
    const { subject } = this.#entry(object);
    assert(subject.kind === "object", `no object: ${formatSubject(subject)}`);
    return this.internSubject({
      kind: "userset",
      object: subject.object,
      relation: this.nameOf(relation),
    });
  }

  findWildcard(type: NameNumber): SubjectSymbol {
    return this.internSubject({ kind: "wildcard", type: this.nameOf(type) });
  }

  kindOf(symbol: SubjectSymbol): SubjectKind {
    return this.#entry(symbol).subject.kind;
  }

  typeOf(symbol: SubjectSymbol): NameNumber {
    return this.#entry(symbol).type;
  }

  idOf(symbol: SubjectSymbol): ObjectId {
    const { subject } = this.#entry(symbol);
    assert(subject.kind !== "wildcard", "a wildcard has no id");
    return subject.object.id;
  }

  objectOf(symbol: SubjectSymbol): SubjectSymbol {
    const { subject, object } = this.#entry(symbol);
    assert(subject.kind !== "wildcard", "a wildcard has no object");
    return object;
  }

  relationOf(symbol: SubjectSymbol): NameNumber {
    const { relation } = this.#entry(symbol);
    assert(relation !== undefined, "only a userset has a relation");
    return relation;
  }

  subjectOf(symbol: SubjectSymbol): Subject {
    return this.#entry(symbol).subject;
  }

  #entry(symbol: SubjectSymbol): Entry {
    const entry = this.#entries[symbol];
    assert(entry !== undefined, `no subject has symbol ${symbol}`);
    return entry;
  }
}

interface Entry {
  readonly subject: Subject;
  readonly type: NameNumber;
  readonly object: SubjectSymbol;
  readonly relation: NameNumber | undefined;
}
