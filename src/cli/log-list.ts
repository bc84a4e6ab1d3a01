import { outcomeName, outcomeOfName, reasonName } from "../client/enum-name.ts";
import type { Client } from "../client/client.ts";
import { timeFromProto } from "../client/time.ts";
import type { Command } from "./command.ts";
import { formatParty } from "./delegation-text.ts";
import { optional, optionalObject, optionalText, parseOneOf } from "./flag.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { periodFlags, periodOf } from "./log-flags.ts";
import { answer, onlineCommand, type Online } from "./online.ts";
import { readPages } from "./pages.ts";
import { drawTable } from "./table.ts";
import { formatTime } from "./time-text.ts";

const outcomes = ["allowed", "denied", "error"] as const;

/** `prokura log list` */
export const listDecisions: Command = onlineCommand({
  words: "log list",
  summary: "what was decided, for whom, through whom, and why",
  detail:
    "All that is given must hold. Everything that an agent did for a user since yesterday:\n" +
    "`log list --principal user:alice --actor agent:mailbot --since 24h`.",
  flags: {
    principal: optionalObject("principal", "on whose behalf"),
    actor: optionalObject("actor", "an agent, anywhere in the chain"),
    tool: optionalObject("tool", "the tool"),
    resource: optionalObject("resource", "a resource that was touched"),
    session: optionalObject("session", "the session"),
    delegation: optionalText("delegation", "ID", "a delegation on which it rested"),
    caller: optionalText("caller", "ID", "who asked: the gateway"),
    decision: optionalText("decision", "ID", "this decision alone"),
    outcome: optional(
      { name: "outcome", value: "NAME", meaning: `only these: ${outcomes.join(", ")}` },
      parseOneOf(outcomes),
    ),
    ...periodFlags,
    limit: limitFlag,
  },
  examples: [
    "log list --actor agent:mailbot --since 24h",
    "log list --resource mailbox:alice --outcome allowed --newest --limit 20",
  ],
  async run(values, online) {
    const { principal, actor, tool, resource, session, outcome } = values;
    const { last, elements, more } = await readPages(
      (page) =>
        online.client.audit.listDecisions({
          tenant: online.tenant,
          ...periodOf(values),
          principal,
          actor,
          tool,
          resource,
          session,
          delegationId: values.delegation ?? "",
          callerId: values.caller ?? "",
          decisionId: values.decision ?? "",
          ...(outcome === undefined ? {} : { outcome: outcomeOfName(outcome) }),
          ...page,
        }),
      (response) => response.decisions,
      values.limit,
    );
    await answer(online, { ...last, decisions: [...elements] }, () =>
      drawTable(
        ["TIME", "OUTCOME", "PRINCIPAL", "ACTORS", "TOOL", "RESOURCES", "DECISION"],
        elements.map((decision) => describe(decision, online)),
      ),
    );
    await remarkCount(online, elements.length, more, "decision");
    return "yes";
  },
});

type Decision = Awaited<ReturnType<Client["audit"]["listDecisions"]>>["decisions"][number];

function describe(decision: Decision, { paint }: Online): readonly string[] {
  const { time, outcome, reason, errorCode, principal, actors, tool, accesses } = decision;
  const name = outcomeName(outcome);
  const why = reasonName(reason) || errorCode;
  const shown = why === "" ? name : `${name} ${why}`;
  return [
    time === undefined ? "" : formatTime(timeFromProto(time)),
    name === "allowed" ? paint.good(shown) : paint.bad(shown),
    formatParty(principal),
    actors.map(formatParty).join(" → "),
    formatParty(tool),
    accesses.map(({ resource }) => formatParty(resource)).join(" "),
    paint.name(decision.decisionId),
  ];
}
