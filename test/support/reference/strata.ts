import assert from "node:assert/strict";
import type { Name } from "../../../src/core/object.ts";
import type { AuthorizationModel, Rewrite } from "../../../src/model/authorization-model.ts";
import { definitionOf } from "./world.ts";

/**
 * A number for each type#relation: no less than that of any that it reads, and greater than that of
 * any that it subtracts. Fails on a model in which a relation is subtracted from itself.
 */
export function strataOf(model: AuthorizationModel): ReadonlyMap<string, number> {
  const strata = new Map<string, number>();
  for (const type of model.types.values()) {
    for (const relation of type.relations.keys()) strata.set(`${type.name}#${relation}`, 0);
  }
  let changed = true;
  while (changed) {
    changed = false;
    for (const type of model.types.values()) {
      for (const { name, rewrite } of type.relations.values()) {
        const key = `${type.name}#${name}`;
        const least = leastStratum(rewrite, type.name, name);
        if (least > (strata.get(key) ?? 0)) {
          assert.ok(least <= strata.size, `${key} is subtracted from itself`);
          strata.set(key, least);
          changed = true;
        }
      }
    }
  }
  return strata;

  function leastStratum(rewrite: Rewrite, type: Name, relation: Name): number {
    const restrictionsOf = (name: Name) => definitionOf(model, type, name)?.restrictions ?? [];
    switch (rewrite.kind) {
      case "this":
        return Math.max(0, ...restrictionsOf(relation).map((one) => at(one.type, one.relation)));
      case "computed_userset":
        return at(type, rewrite.relation);
      case "tuple_to_userset":
        return Math.max(
          0,
          ...restrictionsOf(rewrite.tupleset).map((one) => at(one.type, rewrite.relation)),
        );
      case "union":
      case "intersection":
        return Math.max(...rewrite.of.map((operand) => leastStratum(operand, type, relation)));
      case "exclusion":
        return Math.max(
          leastStratum(rewrite.base, type, relation),
          leastStratum(rewrite.subtract, type, relation) + 1,
        );
    }
  }

  function at(type: Name, relation: Name | undefined): number {
    return relation === undefined ? 0 : (strata.get(`${type}#${relation}`) ?? 0);
  }
}
