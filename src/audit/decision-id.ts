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
  const digits = text.length - dash - 1;
  if (dash < 1 || digits < 1 || digits > 10) return undefined;
  let count = 0;
  for (let at = dash + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x30 && unit <= 0x39) count = count * 36 + unit - 0x30;
    else if (unit >= 0x61 && unit <= 0x7a) count = count * 36 + unit - 0x57;
    else return undefined;
  }
  return { source: text.slice(0, dash), count };
}
