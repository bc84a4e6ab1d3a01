import type {
  AuthorizationModel,
  RelationDefinition,
  Rewrite,
  TypeDefinition,
} from "./authorization-model.ts";
import type { Condition } from "./condition.ts";
import { formatParameterType } from "./context-value.ts";
import { formatRestriction } from "./tuple-check.ts";

/** The model in the OpenFGA language, in one canonical form. Inverse of `parseModel`. */
export function formatModel(model: AuthorizationModel): string {
  const parts = [
    `model\n  schema ${model.schemaVersion}`,
    ...[...model.types.values()].map(formatTypeDefinition),
    ...[...model.conditions.values()].map(formatCondition),
  ];
  return `${parts.join("\n\n")}\n`;
}

function formatTypeDefinition({ name, relations }: TypeDefinition): string {
  const defines = [...relations.values()].map(
    (relation) =>
      `    define ${relation.name}: ${formatRewrite(relation.rewrite, relation, false)}`,
  );
  return [`type ${name}`, ...(defines.length > 0 ? ["  relations"] : []), ...defines].join("\n");
}

/** Operators of two kinds never stand side by side without parentheses: the language has no precedence. */
function formatRewrite(rewrite: Rewrite, relation: RelationDefinition, inner: boolean): string {
  const part = (child: Rewrite): string => formatRewrite(child, relation, true);
  const joined = (text: string): string => (inner ? `(${text})` : text);
  switch (rewrite.kind) {
    case "this":
      return `[${relation.restrictions.map(formatRestriction).join(", ")}]`;
    case "computed_userset":
      return rewrite.relation;
    case "tuple_to_userset":
      return `${rewrite.relation} from ${rewrite.tupleset}`;
    case "union":
      return joined(rewrite.of.map(part).join(" or "));
    case "intersection":
      return joined(rewrite.of.map(part).join(" and "));
    case "exclusion":
      return joined(`${part(rewrite.base)} but not ${part(rewrite.subtract)}`);
  }
}

function formatCondition({ name, parameters, expression }: Condition): string {
  const typed = [...parameters].map(
    ([parameter, type]) => `${parameter}: ${formatParameterType(type)}`,
  );
  return `condition ${name}(${typed.join(", ")}) {\n  ${expression}\n}`;
}
