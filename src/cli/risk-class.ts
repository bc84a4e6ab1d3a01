/** What an MCP server says of a tool's behaviour: hints, each of which may be missing. */
export interface ToolHints {
  readonly readOnlyHint?: boolean;
  readonly destructiveHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly openWorldHint?: boolean;
}

/**
 * How much harm a tool can do: it reads, it adds, or it may destroy; and it stays within its server's
 * own world, or reaches beyond. Each is a tier of agents that may be entrusted with such tools.
 */
export const riskClasses = [
  "read",
  "read-open",
  "write",
  "write-open",
  "destructive",
  "destructive-open",
] as const;

export type RiskClass = (typeof riskClasses)[number];

export interface Classification {
  readonly class: RiskClass;
  /** Each step of the reasoning, in a few words. */
  readonly because: readonly string[];
}

/**
 * The class of a tool. A hint that is missing counts as MCP's default, which is the worst case: not
 * read-only, destructive, not idempotent, open world. Idempotence changes nothing: a harm that is done
 * once is done. Hints are the server's own word: whoever knows better writes other tuples.
 */
export function classifyTool(hints: ToolHints): Classification {
  const { readOnlyHint = false, destructiveHint = true, openWorldHint = true } = hints;
  const kind = readOnlyHint ? "read" : destructiveHint ? "destructive" : "write";
  const because = [
    ...said("readOnlyHint", hints.readOnlyHint),
    // Of a tool that only reads, the specification gives this hint no meaning.
    ...(readOnlyHint ? [] : said("destructiveHint", hints.destructiveHint)),
    ...said("openWorldHint", hints.openWorldHint),
  ];
  return { class: openWorldHint ? `${kind}-open` : kind, because };
}

/**
 * Which tier holds which: an agent that may be entrusted with worse may be entrusted with better, so
 * the members of the second are members of the first.
 */
export const tierLadder: readonly (readonly [lesser: RiskClass, greater: RiskClass])[] = [
  ["read", "write"],
  ["write", "destructive"],
  ["read-open", "write-open"],
  ["write-open", "destructive-open"],
  ["read", "read-open"],
  ["write", "write-open"],
  ["destructive", "destructive-open"],
];

function said(name: string, value: boolean | undefined): readonly string[] {
  return [value === undefined ? `${name} missing: worst case` : `${name} ${value}`];
}
