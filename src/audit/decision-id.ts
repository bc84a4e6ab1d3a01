/** A decision's id: a source, which is a process, and how many it had decided. */
export interface DecisionNumber {
  readonly source: string;
  readonly count: number;
}

export function formatDecisionId(source: string, count: number): string {
  return `${source}-${count.toString(36)}`;
}

/** `undefined` where the text is no id of a decision. */
export function parseDecisionId(text: string): DecisionNumber | undefined {
  const dash = text.lastIndexOf("-");
  const digits = text.slice(dash + 1);
  if (dash < 1 || !/^[0-9a-z]{1,10}$/.test(digits)) return undefined;
  return { source: text.slice(0, dash), count: Number.parseInt(digits, 36) };
}
