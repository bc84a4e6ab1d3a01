import { parseName, quote, type Name } from "../core/object.ts";
import type { AuthorizationModel } from "./authorization-model.ts";
import { buildModel } from "./build-model.ts";
import { checkContract } from "./check-contract.ts";
import { checkRelations } from "./check-relations.ts";
import { compileCondition, conditionStepsMax, timeParameter } from "./compile-condition.ts";
import type { Condition } from "./condition.ts";
import { checkRecursion } from "./check-recursion.ts";
import { findingAt, sortFindings, type Finding, type Position } from "./finding.ts";
import type { SourceCondition, SourceModel } from "./source-model.ts";

export type CheckedModel =
  | { readonly kind: "accepted"; readonly model: AuthorizationModel }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

/** What is left to who writes a model. */
export interface ModelChoices {
  /** Accepts relations that depend on their own absence by way of tuples. */
  readonly allowsOwnAbsence: boolean;
}

export const strictChoices: ModelChoices = { allowsOwnAbsence: false };

/**
 * Checks everything, and finds all that is wrong rather than the first of it. `stepsMax` is what one
 * evaluation of a condition may cost.
 */
export function checkModel(
  source: SourceModel,
  stepsMax: number = conditionStepsMax,
  { allowsOwnAbsence }: ModelChoices = strictChoices,
): CheckedModel {
  const named = [...checkHeader(source), ...checkNames(source)];
  // The other checks follow names: with a bad one they would only repeat it.
  if (named.length > 0) return { kind: "refused", findings: sortFindings(named) };
  const conditions = new Map<Name, Condition>();
  const findings: Finding[] = checkRelations(source);
  // An unknown name breaks every path through it.
  if (findings.length === 0) {
    findings.push(...checkRecursion(source, allowsOwnAbsence), ...checkContract(source));
  }
  for (const condition of source.conditions) {
    const { compiled, problems } = checkCondition(condition, stepsMax);
    findings.push(...problems);
    conditions.set(compiled.name, compiled);
  }
  if (findings.length > 0) return { kind: "refused", findings: sortFindings(findings) };
  return { kind: "accepted", model: buildModel(source, conditions) };
}

function checkHeader({ schemaVersion, types }: SourceModel): Finding[] {
  const start = types[0]?.position ?? { line: 1, column: 1 };
  const first: Position = { ...start, line: 1, column: 1 };
  const findings: Finding[] = [];
  if (schemaVersion !== "1.1" && schemaVersion !== "1.2") {
    const message =
      schemaVersion === ""
        ? "the model has no header"
        : `schema ${quote(schemaVersion)} is unknown`;
    const hint = "begin with `model` and `schema 1.1` or `schema 1.2`";
    findings.push(findingAt(first, "schema_unsupported", message, hint));
  }
  if (types.length === 0) {
    const hint = "define at least one `type`";
    findings.push(findingAt(first, "syntax", "the model has no types", hint));
  }
  return findings;
}

function checkNames(source: SourceModel): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const { name, relations, position } of source.types) {
    checkName("type", name, position);
    if (seen.has(name)) {
      const message = `the type ${quote(name)} is defined twice`;
      findings.push(findingAt(position, "duplicate_type", message, "join both definitions"));
    }
    seen.add(name);
    for (const relation of relations) checkName("relation", relation.name, relation.position);
  }
  for (const { name, position } of source.conditions) checkName("condition", name, position);
  return findings;

  function checkName(what: string, name: string, position: Position): void {
    if (isName(name)) return;
    const hint = "a name matches [A-Za-z][A-Za-z0-9_-]{0,63}";
    const message = `the ${what} ${quote(name)} has no name that can be used`;
    findings.push(findingAt(position, "name_invalid", message, hint));
  }
}

function isName(text: string): boolean {
  try {
    return parseName(text, "name") === text;
  } catch {
    return false; // It throws on nothing else.
  }
}

function checkCondition(
  source: SourceCondition,
  stepsMax: number,
): {
  readonly compiled: Condition;
  readonly problems: readonly Finding[];
} {
  const { name, parameters, expression, position } = source;
  const findings: Finding[] = [];
  const find = (code: Finding["code"], message: string, hint: string): void => {
    findings.push(findingAt(position, code, `condition ${quote(name)}: ${message}`, hint));
  };
  const types = new Map(parameters.map((parameter) => [parameter.name, parameter.type]));
  const time = types.get(timeParameter);
  if (time !== undefined && time.kind !== "timestamp") {
    const message = `\`${timeParameter}\` is the server's clock`;
    find("parameter_reserved", message, `declare it as \`${timeParameter}: timestamp\``);
  }
  const compiled = compileCondition(parseName(name, "condition"), types, expression, stepsMax);
  for (const { code, message } of compiled.problems) find(code, message, hints[code]);
  if (compiled.problems.length === 0) {
    for (const parameter of compiled.unusedParameters) {
      find("parameter_unused", `${quote(parameter)} is never read`, "use it or leave it out");
    }
  }
  return { compiled: compiled.condition, problems: findings };
}

const hints = {
  expression_syntax: "write one CEL expression between the braces",
  expression_type: "convert the values, as in `int(x)`, or change the types of the parameters",
  expression_unsupported:
    "see the functions of CEL's standard library; bytes, messages and `type` are left out",
  expression_too_complex: "make it smaller, or split it into several conditions",
  parameter_unknown: "declare it in the parentheses after the condition's name",
} as const;
