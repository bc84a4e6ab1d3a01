import { transformer } from "@openfga/syntax-transformer";

import type { ParameterType } from "./condition.ts";
import { findingAt, sortFindings, type Finding, type Position } from "./finding.ts";
import type {
  SourceCondition,
  SourceModel,
  SourceRelation,
  SourceRestriction,
  SourceRewrite,
  SourceType,
} from "./source-model.ts";
import {
  nestingOf,
  scanDeclarations,
  type Declarations,
  type TypeDeclaration,
} from "./text-scan.ts";

export type Imported =
  | { readonly kind: "imported"; readonly source: SourceModel; readonly declarations: Declarations }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

export interface TextLimits {
  readonly textBytesMax: number;
  readonly nestingMax: number;
}

export const textLimits: TextLimits = { textBytesMax: 256 * 1024, nestingMax: 32 };

/**
 * Reads one text of the OpenFGA language, a whole model or one module. Only its syntax is checked.
 * Slow for large texts (half a second for 256 KiB): for what a user sends, see `readModel`.
 */
export function importDsl(text: string, file?: string, limits: TextLimits = textLimits): Imported {
  const declarations = scanDeclarations(text, file);
  const refused = checkLimits(text, declarations.model, limits);
  if (refused !== undefined) return { kind: "refused", findings: [refused] };
  try {
    const imported: ImportedModel =
      transformer.transformModularDSLToJSONObject(text).authorizationModel;
    return { kind: "imported", source: sourceOf(imported, declarations), declarations };
  } catch (error) {
    return { kind: "refused", findings: syntaxFindings(error, declarations.model) };
  }
}

function checkLimits(text: string, start: Position, limits: TextLimits): Finding | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.textBytesMax) {
    return findingAt(
      start,
      "text_too_large",
      `the text has ${bytes} bytes`,
      `keep it within ${limits.textBytesMax} bytes`,
    );
  }
  const { depth, line } = nestingOf(text);
  if (depth > limits.nestingMax) {
    return findingAt(
      { ...start, line },
      "nesting_too_deep",
      `brackets are nested ${depth} deep`,
      `nest them at most ${limits.nestingMax} deep: name a part as a relation of its own`,
    );
  }
  return undefined;
}

/** The importer throws its syntax errors, with lines and columns from 0; anything else is a bug of ours. */
function syntaxFindings(error: unknown, start: Position): Finding[] {
  if (!(error instanceof Error) || !("errors" in error) || !Array.isArray(error.errors))
    throw error;
  const findings = error.errors.map((single: SyntaxProblem) =>
    findingAt(
      {
        ...start,
        line: (single.line?.start ?? 0) + 1,
        column: (single.column?.start ?? 0) + 1,
      },
      "syntax",
      (single.msg ?? single.message ?? "syntax error").replaceAll(/\s*\n\s*/g, " "),
      "see the OpenFGA configuration language; `or`, `and`, `but not` are mixed only with parentheses",
    ),
  );
  return sortFindings(findings);
}

function sourceOf(imported: ImportedModel, declarations: Declarations): SourceModel {
  // A type may be declared twice, which is found later: each gets its own declaration, in order.
  const unclaimed = [...declarations.types];
  const types = (imported.type_definitions ?? []).map((type) => {
    const index = unclaimed.findIndex(({ name }) => name === type.type);
    const [declared] = index < 0 ? [] : unclaimed.splice(index, 1);
    return typeOf(type, declared, declarations.model);
  });
  const conditions = Object.entries(imported.conditions ?? {}).map(([name, condition]) =>
    conditionOf(name, condition, declarations.conditions.get(name) ?? declarations.model),
  );
  return { schemaVersion: imported.schema_version ?? "", types, conditions };
}

function typeOf(
  type: ImportedType,
  declared: TypeDeclaration | undefined,
  start: Position,
): SourceType {
  const position = declared?.position ?? start;
  const relations = Object.entries(type.relations ?? {}).map(([name, rewrite]): SourceRelation => {
    const related = type.metadata?.relations?.[name]?.directly_related_user_types ?? [];
    return {
      name,
      rewrite: rewriteOf(rewrite),
      restrictions: related.map(restrictionOf),
      position: declared?.relations.get(name) ?? position,
    };
  });
  return { name: type.type, relations, extending: declared?.extending === true, position };
}

function restrictionOf(related: ImportedRestriction): SourceRestriction {
  const { type, relation, condition, wildcard } = related;
  const conditioned = condition === undefined ? {} : { condition };
  if (relation !== undefined) return { type, form: "userset", relation, ...conditioned };
  return { type, form: wildcard === undefined ? "object" : "wildcard", ...conditioned };
}

function rewriteOf(rewrite: ImportedRewrite): SourceRewrite {
  const { computedUserset, tupleToUserset, union, intersection, difference } = rewrite;
  if (computedUserset !== undefined) {
    return { kind: "computed_userset", relation: computedUserset.relation };
  }
  if (tupleToUserset !== undefined) {
    return {
      kind: "tuple_to_userset",
      tupleset: tupleToUserset.tupleset.relation,
      relation: tupleToUserset.computedUserset.relation,
    };
  }
  if (union !== undefined) return { kind: "union", of: union.child.map(rewriteOf) };
  if (intersection !== undefined) {
    return { kind: "intersection", of: intersection.child.map(rewriteOf) };
  }
  if (difference !== undefined) {
    return {
      kind: "exclusion",
      base: rewriteOf(difference.base),
      subtract: rewriteOf(difference.subtract),
    };
  }
  return { kind: "this" };
}

function conditionOf(
  name: string,
  condition: ImportedCondition,
  position: Position,
): SourceCondition {
  const parameters = Object.entries(condition.parameters ?? {}).map(([parameter, type]) => ({
    name: parameter,
    type: parameterTypeOf(type),
  }));
  return { name, parameters, expression: condition.expression ?? "", position };
}

/** The grammar lets nothing else through; `list` and `map` without an element type hold any. */
function parameterTypeOf(type: ImportedParameterType): ParameterType {
  const kind = type.type_name.replace("TYPE_NAME_", "").toLowerCase();
  switch (kind) {
    case "bool":
    case "string":
    case "int":
    case "uint":
    case "double":
    case "duration":
    case "timestamp":
    case "ipaddress":
    case "any":
      return { kind };
    case "list":
    case "map": {
      const [of] = type.generic_types ?? [];
      return { kind, of: of === undefined ? { kind: "any" } : parameterTypeOf(of) };
    }
    default:
      throw new Error(`the importer knows a parameter type that this code does not: ${kind}`);
  }
}

/** What the importer gives, as far as it is read here; its own types hang on a package that is not there. */
interface ImportedModel {
  readonly schema_version?: string;
  readonly type_definitions?: readonly ImportedType[];
  readonly conditions?: Readonly<Record<string, ImportedCondition>>;
}

interface ImportedType {
  readonly type: string;
  readonly relations?: Readonly<Record<string, ImportedRewrite>>;
  readonly metadata?: {
    readonly relations?: Readonly<
      Record<string, { readonly directly_related_user_types?: readonly ImportedRestriction[] }>
    >;
  } | null;
}

interface ImportedRestriction {
  readonly type: string;
  readonly relation?: string;
  readonly condition?: string;
  readonly wildcard?: object;
}

interface ImportedRewrite {
  readonly computedUserset?: { readonly relation: string };
  readonly tupleToUserset?: {
    readonly tupleset: { readonly relation: string };
    readonly computedUserset: { readonly relation: string };
  };
  readonly union?: { readonly child: readonly ImportedRewrite[] };
  readonly intersection?: { readonly child: readonly ImportedRewrite[] };
  readonly difference?: { readonly base: ImportedRewrite; readonly subtract: ImportedRewrite };
}

interface ImportedCondition {
  readonly expression?: string;
  readonly parameters?: Readonly<Record<string, ImportedParameterType>>;
}

interface ImportedParameterType {
  readonly type_name: string;
  readonly generic_types?: readonly ImportedParameterType[];
}

interface SyntaxProblem {
  readonly msg?: string;
  readonly message?: string;
  readonly line?: { readonly start: number };
  readonly column?: { readonly start: number };
}
