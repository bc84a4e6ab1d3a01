import { quote } from "../core/object.ts";
import { findingAt, type Finding, type FindingCode } from "./finding.ts";
import {
  leavesOf,
  type SourceModel,
  type SourceRelation,
  type SourceType,
} from "./source-model.ts";
import { formatRestriction } from "./tuple-check.ts";

/** That every name exists, and that a tupleset holds plain objects that have the relation asked for. */
export function checkRelations(source: SourceModel): Finding[] {
  const model = indexOf(source);
  return source.types.flatMap((type) =>
    type.relations.flatMap((relation) => [
      ...checkRestrictions(model, type, relation),
      ...checkRewrite(model, type, relation),
    ]),
  );
}

interface ModelIndex {
  readonly relations: ReadonlyMap<string, ReadonlyMap<string, SourceRelation>>;
  readonly conditions: ReadonlySet<string>;
}

function indexOf({ types, conditions }: SourceModel): ModelIndex {
  const relations = types.map(
    ({ name, relations: defined }): [string, Map<string, SourceRelation>] => [
      name,
      new Map(defined.map((relation) => [relation.name, relation])),
    ],
  );
  return { relations: new Map(relations), conditions: new Set(conditions.map(({ name }) => name)) };
}

function checkRestrictions(
  model: ModelIndex,
  type: SourceType,
  relation: SourceRelation,
): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const restriction of relation.restrictions) {
    const shown = formatRestriction(restriction);
    const relations = model.relations.get(restriction.type);
    if (relations === undefined) {
      find(
        "type_unknown",
        `there is no type ${quote(restriction.type)}`,
        "define it, or correct the name",
      );
    } else if (restriction.relation !== undefined && !relations.has(restriction.relation)) {
      const message = `${quote(restriction.type)} has no relation ${quote(restriction.relation)}`;
      find("relation_unknown", message, "define it, or correct the name");
    }
    if (restriction.condition !== undefined && !model.conditions.has(restriction.condition)) {
      const message = `there is no condition ${quote(restriction.condition)}`;
      find("condition_unknown", message, "define it, or correct the name");
    }
    if (seen.has(shown))
      find("duplicate_restriction", `${quote(shown)} stands twice`, "leave one out");
    seen.add(shown);
  }
  return findings;

  function find(code: FindingCode, message: string, hint: string): void {
    findings.push(
      findingAt(relation.position, code, `${placeOf(type, relation)}: ${message}`, hint),
    );
  }
}

function checkRewrite(model: ModelIndex, type: SourceType, relation: SourceRelation): Finding[] {
  const findings: Finding[] = [];
  const own = model.relations.get(type.name);
  for (const leaf of leavesOf(relation.rewrite)) {
    if (leaf.kind === "computed_userset") {
      checkOwn(leaf.relation);
    } else if (leaf.kind === "tuple_to_userset") {
      const tupleset = checkOwn(leaf.tupleset);
      if (tupleset !== undefined) checkTupleset(tupleset, leaf.relation);
    }
  }
  return findings;

  function checkOwn(name: string): SourceRelation | undefined {
    const found = own?.get(name);
    if (found === undefined) {
      const message = `${quote(type.name)} has no relation ${quote(name)}`;
      find("relation_unknown", message, "define it, or correct the name");
    }
    return found;
  }

  function checkTupleset(tupleset: SourceRelation, wanted: string): void {
    const isDirect =
      tupleset.rewrite.kind === "this" &&
      tupleset.restrictions.every(({ form }) => form === "object");
    if (!isDirect) {
      const message = `${quote(`${wanted} from ${tupleset.name}`)} needs plain objects in ${quote(tupleset.name)}`;
      const hint = `define ${tupleset.name} by types alone, without \`*\`, \`#\` or operators`;
      find("tupleset_not_direct", message, hint);
      return;
    }
    const having = tupleset.restrictions.some(({ type: of }) =>
      model.relations.get(of)?.has(wanted),
    );
    if (!having) {
      const message = `no type of ${quote(tupleset.name)} has the relation ${quote(wanted)}`;
      find("tupleset_relation_missing", message, "define it on one of them, or correct the name");
    }
  }

  function find(code: FindingCode, message: string, hint: string): void {
    findings.push(
      findingAt(relation.position, code, `${placeOf(type, relation)}: ${message}`, hint),
    );
  }
}

/** As `document#viewer`. */
export function placeOf(type: SourceType, relation: SourceRelation): string {
  return `${type.name}#${relation.name}`;
}
