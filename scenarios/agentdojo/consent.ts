import type { MappedCall } from "./mapped-call.ts";

/** What a task's user consents to for one call: one delegation. */
export interface Grant {
  readonly tool: string;
  /** In the order of the arguments; no two equal. */
  readonly resources: readonly GrantedResource[];
  /** What the tool's condition admits, as `name=value`. Absent: no condition. */
  readonly agreed?: readonly string[];
}

/** Without an id any resource of the type is meant. */
export interface GrantedResource {
  readonly type: string;
  readonly id?: string;
}

/**
 * The narrowest consent under which the calls go through: a grant a call, so that the tool of one
 * never reaches the resource of another. A value that is not known before the task runs leaves its
 * type open, in that grant alone.
 */
export function consentTo(calls: readonly MappedCall[]): readonly Grant[] {
  const grants = calls.map(grantOf);
  return [...new Map(grants.map((grant) => [JSON.stringify(grant), grant])).values()];
}

function grantOf({ tool, accesses, stated }: MappedCall): Grant {
  const resources = accesses.map(({ type, value }) =>
    value.kind === "known" ? { type, id: value.text } : { type },
  );
  const distinct = [...new Map(resources.map((one) => [JSON.stringify(one), one])).values()];
  const agreed = stated.flatMap(([name, value]) =>
    value.kind === "known" ? [`${name}=${value.text}`] : [],
  );
  const isConditional = stated.length > 0 && agreed.length === stated.length;
  return { tool, resources: distinct, ...(isConditional ? { agreed } : {}) };
}
