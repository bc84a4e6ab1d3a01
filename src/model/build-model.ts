import { delegationType } from "../core/delegation.ts";
import { parseName, type Name } from "../core/object.ts";
import type {
  AuthorizationModel,
  RelationDefinition,
  Restriction,
  Rewrite,
  TypeDefinition,
} from "./authorization-model.ts";
import type { Condition } from "./condition.ts";
import type {
  SourceModel,
  SourceRelation,
  SourceRestriction,
  SourceRewrite,
} from "./source-model.ts";

/** Gives a checked source its typed form. */
export function buildModel(
  source: SourceModel,
  conditions: ReadonlyMap<Name, Condition>,
): AuthorizationModel {
  const types = new Map<Name, TypeDefinition>();
  for (const { name: text, relations } of source.types) {
    const name = parseName(text, "type");
    const defined = relations.map(buildRelation);
    types.set(name, { name, relations: new Map(defined.map((each) => [each.name, each])) });
  }
  return {
    schemaVersion: source.schemaVersion === "1.2" ? "1.2" : "1.1",
    types,
    conditions,
    hasDelegations: source.types.some(({ name }) => name === delegationType),
  };
}

function buildRelation(relation: SourceRelation): RelationDefinition {
  return {
    name: parseName(relation.name, "relation"),
    rewrite: buildRewrite(relation.rewrite),
    restrictions: relation.restrictions.map(buildRestriction),
  };
}

function buildRestriction(restriction: SourceRestriction): Restriction {
  const { type, form, relation, condition } = restriction;
  return {
    type: parseName(type, "type"),
    form,
    ...(relation === undefined ? {} : { relation: parseName(relation, "relation") }),
    ...(condition === undefined ? {} : { condition: parseName(condition, "condition") }),
  };
}

function buildRewrite(rewrite: SourceRewrite): Rewrite {
  switch (rewrite.kind) {
    case "this":
      return rewrite;
    case "computed_userset":
      return { kind: rewrite.kind, relation: parseName(rewrite.relation, "relation") };
    case "tuple_to_userset":
      return {
        kind: rewrite.kind,
        tupleset: parseName(rewrite.tupleset, "relation"),
        relation: parseName(rewrite.relation, "relation"),
      };
    case "union":
    case "intersection":
      return { kind: rewrite.kind, of: rewrite.of.map(buildRewrite) };
    case "exclusion":
      return {
        kind: rewrite.kind,
        base: buildRewrite(rewrite.base),
        subtract: buildRewrite(rewrite.subtract),
      };
  }
}
