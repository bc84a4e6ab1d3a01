import type { Client } from "../client/client.ts";
import { delegationStateName } from "../client/enum-name.ts";
import { timeFromProto } from "../client/time.ts";
import { objectFromProto, subjectFromProto, termsFromProto } from "../client/tuple.ts";
import { formatObject } from "../core/object.ts";
import type { Paint } from "./paint.ts";
import { alignColumns } from "./table.ts";
import { formatTime } from "./time-text.ts";
import { formatCovered } from "./tuple-line.ts";

export type Delegation = NonNullable<
  Awaited<ReturnType<Client["delegation"]["getDelegation"]>>["delegation"]
>;
export type Coverage = NonNullable<Delegation["coverage"]>;

/** The whole delegation, a fact a line. */
export function describeDelegation(delegation: Delegation, paint: Paint): readonly string[] {
  const { id, parentId, coverage, sessions, delegableTo, suspensionIds, purpose } = delegation;
  const consent = delegation.consent;
  const facts: readonly (readonly [string, string])[] = [
    ["state", paintState(delegation, paint)],
    ["principal", formatParty(delegation.principal)],
    ["delegator", formatParty(delegation.delegator)],
    ["delegate", formatParty(delegation.delegate)],
    ["parent", parentId],
    ["tools", formatEntries(coverage?.tools ?? [])],
    ["resources", formatEntries(coverage?.resources ?? [])],
    ["sessions", formatEntries(sessions) || "none"],
    ["delegable to", formatEntries(delegableTo) || "nobody"],
    ["expires", formatExpiry(delegation)],
    ["suspensions", suspensionIds.join(", ")],
    ["purpose", purpose],
    ["consent", consent === undefined ? "" : `${consent.issuer} ${consent.subject}`.trim()],
    ["labels", formatLabels(delegation.labels)],
    ["created", formatCreation(delegation)],
  ];
  const rows = facts.filter(([, value]) => value !== "");
  return [
    `${paint.strong("delegation")} ${paint.name(id)}`,
    ...alignColumns(
      rows.map(([name, value]) => [`  ${paint.faint(name)}`, value]),
      2,
    ),
  ];
}

/** On one line: who, what on what. */
export function summarizeDelegation(delegation: Delegation, paint: Paint): string {
  const { id, principal, delegate, coverage } = delegation;
  const covered = coverage === undefined ? "nothing" : formatCoverage(coverage);
  const parties = `${formatParty(principal)} → ${formatParty(delegate)}`;
  return `${paint.name(id)}  ${parties}: ${covered}`;
}

/** As `tool:gmail/send on mailbox:alice`. */
export function formatCoverage({ tools, resources }: Coverage): string {
  const on = formatEntries(resources);
  return `${formatEntries(tools) || "no tool"}${on === "" ? "" : ` on ${on}`}`;
}

function formatEntries(entries: Coverage["tools"]): string {
  return entries
    .map((entry) =>
      formatCovered({ subject: subjectFromProto(entry.subject), ...termsFromProto(entry) }),
    )
    .join(", ");
}

export function formatParty(party: Delegation["principal"]): string {
  return party === undefined ? "nobody" : formatObject(objectFromProto(party));
}

export function formatExpiry({ expiresAt }: Delegation): string {
  return expiresAt === undefined ? "never" : formatTime(timeFromProto(expiresAt));
}

export function paintState({ state }: Delegation, paint: Paint): string {
  const name = delegationStateName(state);
  return name === "live" ? paint.good(name) : paint.bad(name);
}

function formatLabels(labels: Delegation["labels"]): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

function formatCreation({ createdBy, createdAt }: Delegation): string {
  const by = createdBy === "" ? "" : ` by ${createdBy}`;
  return createdAt === undefined ? "" : `${formatTime(timeFromProto(createdAt))}${by}`;
}
