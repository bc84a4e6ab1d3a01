import type { ExceptionClass } from "./exceptions.ts";
import { contextualId, type Outcome } from "./run.ts";

export interface Summary {
  readonly total: number;
  readonly passed: number;
  readonly excepted: number;
  readonly failed: number;
}

export interface Report {
  readonly summary: Summary;
  readonly lines: readonly string[];
}

/** An exception that is not needed any more fails like a wrong answer: the list tells the truth. */
export function reportOf(outcomes: readonly Outcome[], classes: readonly ExceptionClass[]): Report {
  const excepted = new Set(
    classes.flatMap(({ cases }) => cases).flatMap((id) => [id, contextualId(id)]),
  );
  const fateOf = ({ id, problem }: Outcome): "passed" | "excepted" | "failed" => {
    if (excepted.has(id)) return problem === undefined ? "failed" : "excepted";
    return problem === undefined ? "passed" : "failed";
  };
  const count = (some: readonly Outcome[]): Summary => {
    const fates = some.map(fateOf);
    return {
      total: some.length,
      passed: fates.filter((fate) => fate === "passed").length,
      excepted: fates.filter((fate) => fate === "excepted").length,
      failed: fates.filter((fate) => fate === "failed").length,
    };
  };
  const groups = Map.groupBy(
    outcomes,
    ({ file, kind, delivery }) => `${file} · ${kind} · ${delivery}`,
  );
  const seen = new Set(outcomes.map(({ id }) => id));
  const unknown = [...excepted].filter((id) => !seen.has(id));
  if (unknown.length > 0) throw new Error(`exceptions of no case: ${unknown.join(", ")}`);
  return {
    summary: count(outcomes),
    lines: [
      row("", { total: "total", passed: "passed", excepted: "excepted", failed: "failed" }),
      ...[...groups].map(([group, some]) => row(group, count(some))),
      ...classes.map(
        ({ name, reason, test, cases }) =>
          `excepted, ${name} (${2 * cases.length}): ${reason}; tested in ${test}`,
      ),
      ...outcomes
        .filter((outcome) => fateOf(outcome) === "failed")
        .map(({ id, problem = "is an exception, and passes" }) => `FAILED ${id}: ${problem}`),
    ],
  };
}

function row(label: string, counts: Readonly<Record<keyof Summary, number | string>>): string {
  const { total, passed, excepted, failed } = counts;
  const cells = [total, passed, excepted, failed].map((cell) => String(cell).padStart(9));
  return `${label.padEnd(58)}${cells.join("")}`;
}
