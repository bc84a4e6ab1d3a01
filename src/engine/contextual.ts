import type { NameNumber, SubjectSymbol } from "../core/symbols.ts";
import type { ObjectPage, SubjectPage } from "./graph.ts";
import {
  overlayObjects,
  overlaySubjects,
  type ContextualTuple,
  type Describer,
} from "./overlay.ts";

/** What the overlays must know of symbols. */
interface TypedDescriber extends Describer {
  typeOf(symbol: SubjectSymbol): NameNumber;
}

/**
 * The contextual tuples of one evaluation, by the pages that they belong to. A page is merged once:
 * large ones are asked for again and again.
 */
export class Contextual {
  readonly #describer: TypedDescriber;
  readonly #byObject = new Map<SubjectSymbol, ContextualTuple[]>();
  readonly #bySubject = new Map<SubjectSymbol, ContextualTuple[]>();
  readonly #subjectPages = new Map<SubjectSymbol, Map<NameNumber, SubjectPage>>();
  readonly #objectPages = new Map<SubjectSymbol, Map<string, ObjectPage>>();

  constructor(describer: TypedDescriber) {
    this.#describer = describer;
  }

  /** Of two with one key the later counts. To be called before any page is asked for. */
  add(tuple: ContextualTuple): void {
    put(this.#byObject, tuple.object, tuple);
    put(this.#bySubject, tuple.subject, tuple);
  }

  subjects(stored: SubjectPage, object: SubjectSymbol, relation: NameNumber): SubjectPage {
    const ofObject = this.#byObject.get(object);
    if (ofObject === undefined) return stored;
    const pages = pagesOf(this.#subjectPages, object);
    let page = pages.get(relation);
    if (page === undefined) {
      const added = ofObject.filter((tuple) => tuple.relation === relation);
      page = added.length === 0 ? stored : overlaySubjects(stored, added, this.#describer);
      pages.set(relation, page);
    }
    return page;
  }

  objects(
    stored: ObjectPage,
    subject: SubjectSymbol,
    type: NameNumber,
    relation: NameNumber,
  ): ObjectPage {
    const ofSubject = this.#bySubject.get(subject);
    if (ofSubject === undefined) return stored;
    const pages = pagesOf(this.#objectPages, subject);
    const key = `${type} ${relation}`;
    let page = pages.get(key);
    if (page === undefined) {
      const added = ofSubject.filter(
        (tuple) => tuple.relation === relation && this.#describer.typeOf(tuple.object) === type,
      );
      page = added.length === 0 ? stored : overlayObjects(stored, added, this.#describer);
      pages.set(key, page);
    }
    return page;
  }
}

function put(
  map: Map<SubjectSymbol, ContextualTuple[]>,
  key: SubjectSymbol,
  tuple: ContextualTuple,
): void {
  const tuples = (map.get(key) ?? []).filter(
    ({ object, relation, subject }) =>
      object !== tuple.object || relation !== tuple.relation || subject !== tuple.subject,
  );
  map.set(key, [...tuples, tuple]);
}

function pagesOf<Key, Page>(
  map: Map<SubjectSymbol, Map<Key, Page>>,
  symbol: SubjectSymbol,
): Map<Key, Page> {
  let pages = map.get(symbol);
  if (pages === undefined) {
    pages = new Map();
    map.set(symbol, pages);
  }
  return pages;
}
