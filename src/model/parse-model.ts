import { delegationType } from "../core/delegation.ts";
import { parseName, type Name } from "../core/object.ts";
import type {
  AuthorizationModel,
  RelationDefinition,
  Restriction,
  Rewrite,
  TypeDefinition,
} from "./authorization-model.ts";
import { compileCondition } from "./compile-condition.ts";
import { modelRejected } from "./finding.ts";
import { importDsl } from "./import-dsl.ts";
import type {
  SourceModel,
  SourceRelation,
  SourceRestriction,
  SourceRewrite,
} from "./source-model.ts";

/**
 * Reads a whole model in one text, on the caller's thread: for tests, tools and what ships with the
 * product. Fails with `model_rejected`, which names the findings.
 */
export function parseModel(text: string): AuthorizationModel {
  const imported = importDsl(text);
  if (imported.kind === "refused") throw modelRejected(imported.findings);
  return buildModel(imported.source);
}

/** Gives a checked source its typed form. */
export function buildModel(source: SourceModel): AuthorizationModel {
  const types = new Map<Name, TypeDefinition>();
  for (const { name: text, relations } of source.types) {
    const name = parseName(text, "type");
    const defined = relations.map(buildRelation);
    types.set(name, { name, relations: new Map(defined.map((each) => [each.name, each])) });
  }
  const conditions = source.conditions.map(({ name, parameters, expression }) => {
    const typed = new Map(parameters.map((parameter) => [parameter.name, parameter.type]));
    return compileCondition(parseName(name, "condition"), typed, expression);
  });
  return {
    schemaVersion: source.schemaVersion === "1.2" ? "1.2" : "1.1",
    types,
    conditions: new Map(conditions.map((condition) => [condition.name, condition])),
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
