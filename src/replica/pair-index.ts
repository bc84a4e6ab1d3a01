import type { SubjectSymbol } from "../core/symbols.ts";
import type { PageNumber } from "./page-table.ts";

// Two entries of maps, and the share of the maps themselves.
const pairBytes = 200;

/** Where the held pages of pairs are found, by either end: each may have very many. */
export class PairIndex {
  readonly #byPrincipal = new Map<SubjectSymbol, Map<SubjectSymbol, PageNumber>>();
  readonly #byDelegate = new Map<SubjectSymbol, Map<SubjectSymbol, PageNumber>>();
  #count = 0;

  /** Estimate of what the index takes. */
  get bytes(): number {
    return this.#count * pairBytes;
  }

  /** 0 where there is none. */
  find(principal: SubjectSymbol, delegate: SubjectSymbol): PageNumber {
    return this.#byPrincipal.get(principal)?.get(delegate) ?? 0;
  }

  /** A copy: pages may be added and removed while it is walked. */
  ofPrincipal(principal: SubjectSymbol): readonly PageNumber[] {
    return [...(this.#byPrincipal.get(principal)?.values() ?? [])];
  }

  ofDelegate(delegate: SubjectSymbol): readonly PageNumber[] {
    return [...(this.#byDelegate.get(delegate)?.values() ?? [])];
  }

  add(principal: SubjectSymbol, delegate: SubjectSymbol, page: PageNumber): void {
    nested(this.#byPrincipal, principal).set(delegate, page);
    nested(this.#byDelegate, delegate).set(principal, page);
    this.#count += 1;
  }

  remove(principal: SubjectSymbol, delegate: SubjectSymbol): void {
    unnest(this.#byPrincipal, principal, delegate);
    unnest(this.#byDelegate, delegate, principal);
    this.#count -= 1;
  }

  clear(): void {
    this.#byPrincipal.clear();
    this.#byDelegate.clear();
    this.#count = 0;
  }
}

type Pages = Map<SubjectSymbol, PageNumber>;

function nested(maps: Map<SubjectSymbol, Pages>, key: SubjectSymbol): Pages {
  const known = maps.get(key);
  if (known !== undefined) return known;
  const made: Pages = new Map();
  maps.set(key, made);
  return made;
}

function unnest(maps: Map<SubjectSymbol, Pages>, outer: SubjectSymbol, inner: SubjectSymbol): void {
  const map = maps.get(outer);
  map?.delete(inner);
  if (map?.size === 0) maps.delete(outer);
}
