/**
 * What is known of a statement. `sure`: it holds whatever the missing parameters are. `possible`: it
 * may hold. Between the two it hangs on `names` (parameters nobody gave) or on something that went
 * wrong (`troubled`); both are empty where the statement is decided.
 */
export interface Truth {
  readonly sure: boolean;
  readonly possible: boolean;
  readonly names: ReadonlySet<string>;
  readonly troubled: boolean;
}

export const yes: Truth = { sure: true, possible: true, names: new Set(), troubled: false };
export const no: Truth = { sure: false, possible: false, names: new Set(), troubled: false };

export function needing(names: Iterable<string>): Truth {
  return { sure: false, possible: true, names: new Set(names), troubled: false };
}

/** Something went wrong that is neither yes nor no. */
export const trouble: Truth = { sure: false, possible: true, names: new Set(), troubled: true };

export function truthOf(value: boolean): Truth {
  return value ? yes : no;
}

export function any(truths: readonly Truth[]): Truth {
  return anyOf(truths, itself);
}

export function every(truths: readonly Truth[]): Truth {
  return everyOf(truths, itself);
}

/** Asks no further once it is sure. */
export function anyOf<Item>(items: readonly Item[], ask: (item: Item) => Truth): Truth {
  const open: Truth[] = [];
  for (const item of items) {
    const truth = ask(item);
    if (truth.sure) return yes;
    if (truth.possible) open.push(truth);
  }
  return open.length === 0 ? no : hangingOn(open);
}

/** Asks no further once it is impossible. */
export function everyOf<Item>(items: readonly Item[], ask: (item: Item) => Truth): Truth {
  const open: Truth[] = [];
  for (const item of items) {
    const truth = ask(item);
    if (!truth.possible) return no;
    if (!truth.sure) open.push(truth);
  }
  return open.length === 0 ? yes : hangingOn(open);
}

export function not(truth: Truth): Truth {
  return { ...truth, sure: !truth.possible, possible: !truth.sure };
}

export function sameTruth(left: Truth, right: Truth): boolean {
  if (left === right) return true;
  return (
    left.sure === right.sure &&
    left.possible === right.possible &&
    left.troubled === right.troubled &&
    left.names.size === right.names.size &&
    left.names.isSubsetOf(right.names)
  );
}

/** `yes`, `no`, `needs x,y`; `unknown` where something went wrong, whatever names are missing too. */
export function formatTruth(truth: Truth): string {
  if (truth.sure) return "yes";
  if (!truth.possible) return "no";
  return truth.troubled ? "unknown" : `needs ${[...truth.names].toSorted().join(",")}`;
}

function itself(truth: Truth): Truth {
  return truth;
}

function hangingOn(open: readonly Truth[]): Truth {
  return {
    sure: false,
    possible: true,
    names: new Set(open.flatMap((truth) => [...truth.names])),
    troubled: open.some((truth) => truth.troubled),
  };
}
