import type { Client } from "../client/client.ts";
import { revokedBecauseName, revokeOutcomeName } from "../client/enum-name.ts";
import { DomainError } from "../core/error.ts";
import type { Command } from "./command.ts";
import { proofTokenFlag } from "./credential.ts";
import { formatCoverage, summarizeDelegation, type Coverage } from "./delegation-text.ts";
import { optionalObject, optionalText, toggle } from "./flag.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand, type Online } from "./online.ts";

/** `prokura revoke`: takes delegations back. */
export const revoke: Command = onlineCommand({
  words: "revoke",
  summary: "take delegations back, with all that were made from them",
  detail:
    "Takes what matches everything that is given. --tool, --resource and --session select by coverage:\n" +
    "wildcards count, and so does what the object lies in. Once it returns, no node allows anything on\n" +
    "the strength of what is gone. Ends with 1 where nothing matched.",
  flags: {
    delegation: optionalText("delegation", "ID", "this one"),
    principal: optionalObject("principal", "those on behalf of this principal"),
    actor: optionalObject("actor", "those whose delegate this is"),
    tool: optionalObject("tool", "those that cover this tool"),
    resource: optionalObject("resource", "those that cover this resource"),
    session: optionalObject("session", "those that work in this session"),
    dryRun: toggle("dry-run", "only say what would be gone"),
    proofToken: proofTokenFlag,
    ...mutationFlags,
  },
  examples: [
    "revoke --delegation 01jd…",
    "revoke --actor agent:mailbot --dry-run",
    'revoke --principal user:alice --resource folder:work --reason "project ended"',
  ],
  async run(values, online) {
    const { delegation: delegationId = "", principal, actor, tool, resource, session } = values;
    const named = [principal, actor, tool, resource, session].filter((one) => one !== undefined);
    if (named.length === 0 && delegationId === "") {
      throw new DomainError(
        "malformed",
        "say what to revoke with --delegation, --principal, --actor, --tool, --resource or --session",
      );
    }
    const response = await online.client.delegation.revoke({
      tenant: online.tenant,
      selector: { delegationId, principal, actor, tool, resource, session },
      dryRun: values.dryRun,
      proofToken: values.proofToken ?? "",
      options: optionsOf(values),
    });
    await answer(online, response, () => describe(response, online));
    return response.revokedCount === 0n ? "no" : "yes";
  },
});

type Response = Awaited<ReturnType<Client["delegation"]["revoke"]>>;

function describe(response: Response, online: Online): readonly string[] {
  const { paint } = online;
  const { revoked, revokedCount, remaining, remainingCount, result } = response;
  const outcome = revokeOutcomeName(response.outcome);
  if (outcome === "nothing_matched") return [paint.doubtful("nothing matched: nothing is changed")];
  const head = outcome === "dry_run" ? "would revoke" : "revoked";
  return [
    paint.strong(`${head} ${count(revokedCount)}`),
    ...revoked.flatMap(({ delegation, because, lostBeyondSelector }) => [
      ...(delegation === undefined
        ? []
        : [`  ${summarizeDelegation(delegation, paint)}${whyText(because)}`]),
      ...beyondText(lostBeyondSelector).map((line) => `    ${paint.doubtful(line)}`),
    ]),
    ...unlisted(revokedCount, revoked.length),
    ...(remainingCount === 0n
      ? []
      : [paint.doubtful(`still allowed by ${count(remainingCount)} that did not match`)]),
    ...remaining.flatMap(({ delegation, stillCovered }) => [
      ...(delegation === undefined ? [] : [`  ${summarizeDelegation(delegation, paint)}`]),
      ...(stillCovered === undefined ? [] : [`    still lets ${formatCoverage(stillCovered)}`]),
    ]),
    ...unlisted(remainingCount, remaining.length),
    ...(outcome === "dry_run"
      ? [paint.faint("nothing is changed")]
      : describeResult(result, online)),
  ];
}

function whyText(because: Response["revoked"][number]["because"]): string {
  return revokedBecauseName(because) === "descendant" ? "  (made from one above)" : "";
}

function beyondText(lost: Coverage | undefined): readonly string[] {
  if (lost === undefined || lost.tools.length + lost.resources.length === 0) return [];
  return [`with it goes ${formatCoverage(lost)}`];
}

function unlisted(all: bigint, listed: number): readonly string[] {
  const rest = all - BigInt(listed);
  return rest > 0n ? [`  and ${rest} more`] : [];
}

function count(delegations: bigint): string {
  return delegations === 1n ? "1 delegation" : `${delegations} delegations`;
}
