import type { JsonObject } from "../../../src/core/json.ts";
import type { Name, ObjectRef } from "../../../src/core/object.ts";
import type { RelationTuple } from "../../../src/core/tuple.ts";
import { formatSubject, typeOfSubject, type Subject } from "../../../src/core/subject.ts";
import { nodeKey, nodesOf, type Formula, type Node } from "./formulas.ts";
import { anyOf, everyOf, no, not, sameTruth, truthOf, yes, type Truth } from "./truth.ts";
import { definitionOf, standing, type Polarity, type World } from "./world.ts";

/** Every object#relation in which one subject is. */
export interface Memberships {
  /** "No" where the object's type does not define the relation. */
  of(object: ObjectRef, relation: Name, polarity: Polarity): Truth;
}

/**
 * Computes the memberships of any subject under any context, as the least fixpoint: all start with
 * "no", and all are computed from all, again and again, until nothing changes. Strata one after the
 * other, what is subtracted first, so that a "no" under a subtraction is final when it is used.
 */
export function membershipsIn(
  world: World,
): (subject: Subject, context: JsonObject) => Memberships {
  const nodes = nodesOf(world).toSorted((left, right) => left.stratum - right.stratum);
  const layers = [...Map.groupBy(nodes, (node) => node.stratum).values()];
  const named = new Set(world.tuples.map((tuple) => formatSubject(tuple.subject)));
  const computed = new Map<string, Memberships>();
  return (subject, context) => {
    // Whom no tuple names or means is nowhere. A userset is at least in itself.
    const isNamed = named.has(formatSubject(subject)) || named.has(`${typeOfSubject(subject)}:*`);
    if (subject.kind === "object" && !isNamed) return { of: () => no };
    const key = `${formatSubject(subject)} ${JSON.stringify(context)}`;
    const memberships = computed.get(key) ?? computeMemberships(world, layers, subject, context);
    computed.set(key, memberships);
    return memberships;
  };
}

function computeMemberships(
  world: World,
  layers: readonly (readonly Node[])[],
  subject: Subject,
  context: JsonObject,
): Memberships {
  const asked = formatSubject(subject);
  // A userset is in itself, whatever is stored.
  const table = new Map<string, Truth>([
    [`grants ${asked}`, yes],
    [`takes ${asked}`, yes],
  ]);
  const standings = {
    grants: new Map<RelationTuple, Truth>(),
    takes: new Map<RelationTuple, Truth>(),
  };

  for (const layer of layers) {
    iterate(layer);
    // What was open on the way up may be decided now: the names are gathered anew, from none.
    const open = layer.filter(({ key }) => lookUp(key).sure !== lookUp(key).possible);
    if (open.length === 0) continue;
    for (const { key } of open)
      table.set(key, { ...lookUp(key), names: new Set(), troubled: false });
    iterate(layer);
  }
  return {
    of(object, relation, polarity) {
      if (definitionOf(world.model, object.type, relation) === undefined) return no;
      return lookUp(nodeKey(object, relation, polarity));
    },
  };

  function iterate(layer: readonly Node[]): void {
    let changed = true;
    while (changed) {
      changed = false;
      for (const node of layer) {
        const truth = node.text === asked ? yes : evaluate(node.formula);
        if (sameTruth(truth, lookUp(node.key))) continue;
        table.set(node.key, truth);
        changed = true;
      }
    }
  }

  function lookUp(key: string): Truth {
    return table.get(key) ?? no;
  }

  function evaluate(formula: Formula): Truth {
    switch (formula.kind) {
      case "any":
        return anyOf(formula.of, evaluate);
      case "every":
        return everyOf(formula.of, evaluate);
      case "not":
        return not(evaluate(formula.of));
      case "stands":
        return stands(formula.tuple, formula.polarity);
      case "is":
        return truthOf(
          formula.text === asked ||
            (formula.named.kind === "wildcard" &&
              subject.kind === "object" &&
              subject.object.type === formula.named.type),
        );
      case "has":
        return lookUp(formula.key);
    }
  }

  /** A condition is a pure function: once a tuple is enough. */
  function stands(tuple: RelationTuple, polarity: Polarity): Truth {
    const known = standings[polarity].get(tuple);
    if (known !== undefined) return known;
    const truth = standing(world, tuple, polarity, context);
    standings[polarity].set(tuple, truth);
    return truth;
  }
}
