import { formatTuple, type RelationTuple } from "../../../src/core/tuple.ts";
import type {
  AuthorizationModel,
  Restriction,
  Rewrite,
} from "../../../src/model/authorization-model.ts";

/** For people who read a counterexample. */
export function formatWorld(model: AuthorizationModel, tuples: readonly RelationTuple[]): string {
  const defines = [...model.types.values()].flatMap(({ name, relations }) =>
    [...relations.values()].map(
      ({ name: relation, rewrite, restrictions }) =>
        `  ${name}#${relation}: ${formatRewrite(rewrite)} [${restrictions.map(formatRestriction).join(", ")}]`,
    ),
  );
  const stored = tuples.map((tuple) => {
    const { condition, expiresAtMs } = tuple;
    const when = expiresAtMs === undefined ? "" : ` until ${expiresAtMs}`;
    const given = condition && ` with ${condition.name} ${JSON.stringify(condition.context)}`;
    return `  ${formatTuple(tuple)}${given ?? ""}${when}`;
  });
  return ["", ...defines, ...stored, ""].join("\n");
}

function formatRestriction({ type, form, relation, condition }: Restriction): string {
  const suffix = form === "wildcard" ? ":*" : form === "userset" ? `#${relation}` : "";
  return `${type}${suffix}${condition === undefined ? "" : ` with ${condition}`}`;
}

function formatRewrite(rewrite: Rewrite): string {
  switch (rewrite.kind) {
    case "this":
      return "this";
    case "computed_userset":
      return rewrite.relation;
    case "tuple_to_userset":
      return `${rewrite.relation} from ${rewrite.tupleset}`;
    case "union":
      return `(${rewrite.of.map(formatRewrite).join(" or ")})`;
    case "intersection":
      return `(${rewrite.of.map(formatRewrite).join(" and ")})`;
    case "exclusion":
      return `(${formatRewrite(rewrite.base)} but not ${formatRewrite(rewrite.subtract)})`;
  }
}
