import type {
  AuthorizationModel,
  RelationDefinition,
  Restriction,
  Rewrite,
} from "../../src/model/authorization-model.ts";

/**
 * The model in SpiceDB's language. What is stored and what is computed have one name in ours and must
 * have two in theirs: the stored part of `viewer` is `viewer_direct`. Conditions are not translated.
 */
export function spicedbSchema(model: AuthorizationModel): string {
  const definitions = model.types.values().map(({ name, relations }) => {
    const lines = relations.values().flatMap(linesOf).toArray();
    return [`definition ${typeName(name)} {`, ...lines.map((line) => `  ${line}`), "}"].join("\n");
  });
  return definitions.toArray().join("\n");
}

/** The relation of SpiceDB that holds the tuples of ours. */
export function storedName({ name, rewrite }: RelationDefinition): string {
  return rewrite.kind === "this" ? name : `${name}_direct`;
}

/** Some of our names are words of their language. */
export function typeName(name: string): string {
  return ["permission", "relation", "definition", "caveat"].includes(name) ? `the_${name}` : name;
}

function linesOf(relation: RelationDefinition): readonly string[] {
  const { name, rewrite, restrictions } = relation;
  const stored =
    restrictions.length === 0
      ? []
      : [`relation ${storedName(relation)}: ${restrictions.map(subjectOf).join(" | ")}`];
  if (rewrite.kind === "this") return stored;
  return [...stored, `permission ${name} = ${expressionOf(rewrite, storedName(relation))}`];
}

function subjectOf({ type, form, relation, condition }: Restriction): string {
  if (condition !== undefined) throw new RangeError("a condition has no translation here");
  switch (form) {
    case "object":
      return typeName(type);
    case "wildcard":
      return `${typeName(type)}:*`;
    case "userset":
      return `${typeName(type)}#${relation ?? ""}`;
  }
}

function expressionOf(rewrite: Rewrite, stored: string): string {
  const all = (of: readonly Rewrite[], operator: string): string =>
    `(${of.map((each) => expressionOf(each, stored)).join(` ${operator} `)})`;
  switch (rewrite.kind) {
    case "this":
      return stored;
    case "computed_userset":
      return rewrite.relation;
    case "tuple_to_userset":
      return `${rewrite.tupleset}->${rewrite.relation}`;
    case "union":
      return all(rewrite.of, "+");
    case "intersection":
      return all(rewrite.of, "&");
    case "exclusion":
      return all([rewrite.base, rewrite.subtract], "-");
  }
}
