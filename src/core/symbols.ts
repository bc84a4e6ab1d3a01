import type { ObjectId, Name } from "./object.ts";
import type { Subject } from "./subject.ts";

declare const brand: unique symbol;

/** A type or relation name as a number, dense from 0. Names come from models and are never forgotten. */
export type NameNumber = number & { readonly [brand]: "NameNumber" };
/**
 * A subject (object, userset or wildcard) as a number. Two are equal if and only if the subjects
 * are. **It means something within one tick of the event loop only**: between ticks a symbol may be
 * given up and allotted anew. An object is a subject, so its symbol serves in both places.
 */
export type SubjectSymbol = number & { readonly [brand]: "SubjectSymbol" };

export type SubjectKind = "object" | "userset" | "wildcard";

/**
 * Numbers for names and subjects, so that the hot path compares integers. Subjects get their symbol
 * when a page that has them is installed; a question about one that is in no page finds none, and
 * asking never makes one: a caller cannot fill the memory by inventing names.
 */
export interface Symbols {
  /** Numbers a name. For names out of a model; never for what a request brings. */
  internName(name: Name): NameNumber;
  nameOf(name: NameNumber): Name;

  /** -1 where no held page has the object. */
  findObject(type: string, id: string): SubjectSymbol | -1;
  findUserset(object: SubjectSymbol, relation: NameNumber): SubjectSymbol | -1;
  findWildcard(type: NameNumber): SubjectSymbol | -1;

  kindOf(symbol: SubjectSymbol): SubjectKind;
  /** Type of the object, of the userset's object, or of the wildcard. */
  typeOf(symbol: SubjectSymbol): NameNumber;
  /** Id of the object or of the userset's object. Fails on a wildcard. */
  idOf(symbol: SubjectSymbol): ObjectId;
  /** The object of a userset; of an object, itself. Fails on a wildcard. */
  objectOf(symbol: SubjectSymbol): SubjectSymbol;
  /** Fails unless the symbol is a userset's. */
  relationOf(symbol: SubjectSymbol): NameNumber;
  subjectOf(symbol: SubjectSymbol): Subject;
}
