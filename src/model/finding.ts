import { DomainError } from "../core/error.ts";

/**
 * One thing that is wrong with an authorization model, placed where its author can see it. The codes
 * are part of the contract: tools may act on them.
 */
export interface Finding {
  /** Name of the module's file; absent where the model is one text. */
  readonly file?: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  readonly code: FindingCode;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

export const findingCodes = [
  "text_too_large",
  "nesting_too_deep",
  "time_exceeded",
  "syntax",
  "schema_unsupported",
  "name_invalid",
  "duplicate_type",
  "duplicate_restriction",
  "type_unknown",
  "relation_unknown",
  "condition_unknown",
  "tupleset_not_direct",
  "tupleset_relation_missing",
  "no_entrypoint",
  "computed_cycle",
  "recursion_through_exclusion",
  "expression_syntax",
  "expression_type",
  "expression_unsupported",
  "expression_too_complex",
  "parameter_unknown",
  "parameter_unused",
  "parameter_reserved",
  "contract_relation_missing",
  "contract_relation_shape",
  "contract_requires",
  "contract_subtracts_delegation",
  "module_invalid",
] as const;

export type FindingCode = (typeof findingCodes)[number];

/** Where something stands in the text; line and column from 1. */
export interface Position {
  readonly file?: string;
  readonly line: number;
  readonly column: number;
}

export function findingAt(
  position: Position,
  code: FindingCode,
  message: string,
  hint: string,
): Finding {
  const { file, line, column } = position;
  return { ...(file === undefined ? {} : { file }), line, column, code, message, hint };
}

/** More are not told: who has that many begins with the first. */
const findingsMax = 200;

/** In the order of the text; what is found twice at one place is said once. At most 200. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  const unique = new Map(findings.map((finding) => [formatFinding(finding), finding]));
  const sorted = [...unique.values()].toSorted(
    (left, right) =>
      compareText(left.file ?? "", right.file ?? "") ||
      left.line - right.line ||
      left.column - right.column ||
      compareText(left.code, right.code) ||
      compareText(left.message, right.message),
  );
  return sorted.slice(0, findingsMax);
}

function formatFinding(finding: Finding): string {
  const place = finding.file === undefined ? "line " : `${finding.file}:`;
  return `${place}${finding.line}:${finding.column}: ${finding.message}; ${finding.hint}`;
}

/** One error for all findings. It names at most the first ten: a message is read by people. */
export function modelRejected(findings: readonly Finding[]): DomainError {
  const shown = findings.slice(0, 10).map(formatFinding);
  const rest =
    findings.length > shown.length ? ` | and ${findings.length - shown.length} more` : "";
  const [first] = findings;
  return new DomainError(
    "model_rejected",
    `the authorization model has ${findings.length} finding(s): ${shown.join(" | ")}${rest}`,
    { findings, ...(first === undefined ? {} : { hint: first.hint }) },
  );
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
