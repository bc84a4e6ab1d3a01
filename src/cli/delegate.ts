import type { Client } from "../client/client.ts";
import { durationToProto, timeToProto } from "../client/time.ts";
import { subjectToProto, contextToProto } from "../client/tuple.ts";
import type { Covered } from "../core/delegation.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { parseSubjectText } from "../core/subject.ts";
import type { Command } from "./command.ts";
import { proofTokenFlag } from "./credential.ts";
import { describeDelegation } from "./delegation-text.ts";
import {
  optional,
  optionalObject,
  optionalText,
  repeated,
  requiredObject,
  toggle,
  type Flag,
  type FlagTable,
} from "./flag.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand } from "./online.ts";
import { parseDurationText, parseTimeText } from "./time-text.ts";
import { parseCovered } from "./tuple-line.ts";

interface ExpiryFlags extends FlagTable {
  readonly lifetimeMs: Flag<number | undefined>;
  readonly untilMs: Flag<number | undefined>;
  readonly forever: Flag<boolean>;
}

const expiryFlags: ExpiryFlags = {
  lifetimeMs: optional(
    { name: "for", value: "TIME", meaning: "so long from now, as 30m or 7d" },
    parseDurationText,
  ),
  untilMs: optional(
    { name: "until", value: "TIME", meaning: "until then, as 2026-12-01T18:00:00Z" },
    parseTimeText,
  ),
  forever: toggle("forever", "without an end"),
};

/** `prokura delegate`: lets an agent use tools on resources. */
export const delegate: Command = onlineCommand({
  words: "delegate",
  summary: "let an agent use tools on resources, on behalf of a principal",
  detail:
    "Stores one delegation: all its tools on all its resources. For another pair of the two, call it\n" +
    "again. Without --for, --until and --forever it ends as the server is set, which is in one hour.",
  flags: {
    principal: optionalObject("principal", "on whose behalf; may be left out with --parent"),
    delegator: optionalObject("delegator", "who gives it; the principal, or the parent's delegate"),
    delegate: requiredObject("delegate", "the agent that gets it"),
    parent: optionalText("parent", "ID", "the delegation that this one narrows"),
    tools: repeated(
      {
        name: "tool",
        value: "SUBJECT",
        meaning: "a tool, toolset, server or tool:*; `if CONDITION {…}` and `for TIME` may follow",
      },
      parseCoveredNow,
    ),
    resources: repeated(
      { name: "resource", value: "SUBJECT", meaning: "a resource, what it lies in, or TYPE:*" },
      parseCoveredNow,
    ),
    sessions: repeated(
      { name: "session", value: "TYPE:ID", meaning: "works in this session; without it in any" },
      parseSubjectText,
    ),
    delegableTo: repeated(
      { name: "delegable-to", value: "SUBJECT", meaning: "to whom it may be passed on" },
      parseSubjectText,
    ),
    ...expiryFlags,
    purpose: optionalText("purpose", "TEXT", "what for"),
    labels: repeated(
      { name: "label", value: "NAME=VALUE", meaning: "for finding it again" },
      parseLabel,
    ),
    consentIssuer: optionalText("consent-issuer", "TEXT", "who vouches for the consent"),
    consentSubject: optionalText(
      "consent-subject",
      "TEXT",
      "the principal, as the issuer knows it",
    ),
    consentTokenId: optionalText(
      "consent-id",
      "TEXT",
      "by what it was given, as the id of a token",
    ),
    proofToken: proofTokenFlag,
    ...mutationFlags,
  },
  examples: [
    "delegate --principal user:alice --delegate agent:mailbot --tool tool:gmail/send \\\n" +
      '      --resource mailbox:alice --for 1h --purpose "send the minutes"',
    "delegate --principal user:alice --delegate agent:mailbot --resource mailbox:alice \\\n" +
      `      --tool 'tool:gmail/send if arguments_within {"allowed":["to=bob@example.com"]}'`,
    "delegate --parent 01jd… --delegate agent:reader --tool tool:files/read --resource document:plan",
  ],
  async run(values, online) {
    const { consentIssuer, consentSubject, consentTokenId } = values;
    const consented = consentIssuer ?? consentSubject ?? consentTokenId;
    const response = await online.client.delegation.delegate({
      tenant: online.tenant,
      principal: values.principal,
      delegator: values.delegator,
      delegate: values.delegate,
      parentId: values.parent ?? "",
      pairs: [{ tools: values.tools.map(entryOf), resources: values.resources.map(entryOf) }],
      sessions: values.sessions.map(subjectToProto),
      delegableTo: values.delegableTo.map(subjectToProto),
      expiry: expiryOf(values),
      purpose: values.purpose ?? "",
      labels: Object.fromEntries(values.labels),
      consent:
        consented === undefined
          ? undefined
          : {
              issuer: consentIssuer ?? "",
              subject: consentSubject ?? "",
              tokenId: consentTokenId ?? "",
            },
      proofToken: values.proofToken ?? "",
      options: optionsOf(values),
    });
    await answer(online, response, () => [
      ...response.delegations.flatMap((made) => describeDelegation(made, online.paint)),
      ...describeResult(response.result, online),
    ]);
    return "yes";
  },
});

/** `prokura renew`: gives a delegation another end. */
export const renew: Command = onlineCommand({
  words: "renew",
  summary: "give a delegation another end, sooner or later",
  operands: { shown: "ID", meaning: "of the delegation", min: 1, max: 1 },
  flags: { ...expiryFlags, proofToken: proofTokenFlag, ...mutationFlags },
  examples: ["renew 01jd… --for 8h", "renew 01jd… --until 2026-12-01T18:00:00Z"],
  async run(values, online, [delegationId = ""]) {
    const response = await online.client.delegation.renewDelegation({
      tenant: online.tenant,
      delegationId,
      expiry: expiryOf(values),
      proofToken: values.proofToken ?? "",
      options: optionsOf(values),
    });
    const { delegation } = response;
    await answer(online, response, () => [
      ...(delegation === undefined ? [] : describeDelegation(delegation, online.paint)),
      ...describeResult(response.result, online),
    ]);
    return "yes";
  },
});

type Expiry = NonNullable<Parameters<Client["delegation"]["delegate"]>[0]["expiry"]>;
type Entry = NonNullable<
  NonNullable<Parameters<Client["delegation"]["delegate"]>[0]["pairs"]>[number]["tools"]
>[number];

function expiryOf(values: {
  readonly lifetimeMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly forever: boolean;
}): Expiry {
  const { lifetimeMs, untilMs, forever } = values;
  if ([lifetimeMs !== undefined, untilMs !== undefined, forever].filter(Boolean).length > 1) {
    throw new DomainError("malformed", "only one of --for, --until and --forever may be given");
  }
  if (lifetimeMs !== undefined) {
    return { expiry: { case: "lifetime", value: durationToProto(lifetimeMs) } };
  }
  if (untilMs !== undefined) return { expiry: { case: "expiresAt", value: timeToProto(untilMs) } };
  return forever ? { expiry: { case: "forever", value: true } } : {};
}

function entryOf({ subject, condition, expiresAtMs }: Covered): Entry {
  return {
    subject: subjectToProto(subject),
    condition: condition && { name: condition.name, context: contextToProto(condition.context) },
    expiresAt: expiresAtMs === undefined ? undefined : timeToProto(expiresAtMs),
  };
}

function parseCoveredNow(text: string, field: string): Covered {
  return parseCovered(text, field, Date.now());
}

function parseLabel(text: string, field: string): readonly [name: string, value: string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new DomainError("malformed", `${field} must read name=value, got ${quote(text)}`, {
    field,
  });
}
