import type { Explanation } from "../core/decision.ts";
import type { Paint } from "./paint.ts";
import type { Branch } from "./tree.ts";
import { formatTupleLine } from "./tuple-line.ts";

/** The explanation as a tree to be drawn: each line an outcome, a question, and what it rests on. */
export function explanationBranch(explanation: Explanation, paint: Paint): Branch {
  const { label, outcome, detail = "", tuple, children, truncated = false } = explanation;
  const [only] = children;
  // A question that was reduced to itself needs no line of its own.
  if (only?.label === label && only.outcome === outcome && children.length === 1) {
    return explanationBranch(only, paint);
  }
  const shown = tuple === undefined ? "" : formatTupleLine(tuple);
  const notes = [shown === label ? "" : shown, detail].filter((note) => note !== "");
  const below = children.map((child) => explanationBranch(child, paint));
  const rest = { label: paint.faint("… more, left out"), children: [] };
  return {
    label: `${outcomeMark(outcome, paint)} ${label}${notes.map((note) => `  ${paint.faint(note)}`).join("")}`,
    children: truncated ? [...below, rest] : below,
  };
}

function outcomeMark(outcome: Explanation["outcome"], paint: Paint): string {
  switch (outcome) {
    case "yes":
      return paint.good("✓");
    case "no":
      return paint.bad("✗");
    case "needs_context":
      return paint.doubtful("?");
    case "unknown":
      return paint.doubtful("!");
  }
}
