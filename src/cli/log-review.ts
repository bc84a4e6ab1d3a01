import { outcomeName, reasonName } from "../client/enum-name.ts";
import { explanationFromProto } from "../client/explanation.ts";
import { contextToProto } from "../client/tuple.ts";
import { parseObjectText } from "../core/object.ts";
import { parseContextPart, readContext } from "./context-text.ts";
import type { Command } from "./command.ts";
import { formatParty } from "./delegation-text.ts";
import { explanationBranch } from "./explanation.ts";
import {
  atLeastOne,
  optionalObject,
  optionalText,
  repeated,
  required,
  requiredObject,
  parseText,
  toggle,
} from "./flag.ts";
import { consistencyOf } from "./freshness.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import { drawTree } from "./tree.ts";

/** `prokura log review` */
export const reviewDecision: Command = onlineCommand({
  words: "log review",
  summary: "judge a logged decision again, at its revision, and compare",
  detail:
    "Ends with 1 where it comes out otherwise. The log has but a hash of the context: give the context\n" +
    "again where the decision rested on one.",
  operands: { shown: "ID", meaning: "of the decision", min: 1, max: 1 },
  flags: {
    context: repeated(
      { name: "context", value: "NAME=VALUE|@FILE", meaning: "parameters of the call" },
      parseContextPart,
    ),
  },
  examples: ["log review 8nbgm39Id2uAP6gK-1"],
  async run(values, online, [decisionId = ""]) {
    const context = await readContext(values.context, online.terminal);
    const response = await online.client.audit.reviewDecision({
      tenant: online.tenant,
      decisionId,
      context: contextToProto(context),
    });
    const { logged, reason, same, sameContext, explanation } = response;
    const { paint } = online;
    await answer(online, response, () => {
      const then = logged === undefined ? "" : outcomeName(logged.outcome);
      const why = reasonName(reason);
      const now = why === "" ? "allowed" : `denied ${why}`;
      return [
        `${formatParty(logged?.actors.at(-1))} for ${formatParty(logged?.principal)}: ${formatParty(logged?.tool)}`,
        `logged ${then}, judged again ${now}: ${same ? paint.good("the same") : paint.bad("not the same")}`,
        ...(sameContext ? [] : ["the context given is not that of then"]),
        ...(explanation === undefined
          ? []
          : drawTree(explanationBranch(explanationFromProto(explanation), paint))),
      ];
    });
    return same ? "yes" : "no";
  },
});

/** `prokura log tools` */
export const listPastTools: Command = onlineCommand({
  words: "log tools",
  summary: "the tools that an agent could have called at a past time",
  flags: {
    principal: requiredObject("principal", "on whose behalf"),
    actors: atLeastOne(
      { name: "actor", value: "TYPE:ID", meaning: "who acts; several in order make a chain" },
      parseObjectText,
    ),
    at: required({ name: "at", value: "TOKEN|TIME", meaning: "when" }, parseText),
    session: optionalObject("session", "the session"),
    delegation: optionalText("delegation", "ID", "only a chain that ends in this delegation"),
    partialChain: toggle("partial-chain", "the actor is the last of a chain that is not known"),
    limit: limitFlag,
  },
  examples: ["log tools --principal user:alice --actor agent:mailbot --at 2026-12-01T09:30:00Z"],
  async run(values, online) {
    const { mode } = consistencyOf({ fresh: false, after: undefined, at: values.at });
    const { last, elements, more } = await readPages(
      (page) =>
        online.client.audit.listPastTools({
          tenant: online.tenant,
          ...(mode?.case === "atExact" ? { at: mode.value } : {}),
          principal: values.principal,
          actors: [...values.actors],
          session: values.session,
          delegationId: values.delegation ?? "",
          partialChain: values.partialChain,
          ...page,
        }),
      (response) => response.tools,
      values.limit,
    );
    await answer(online, { ...last, tools: [...elements] }, () => elements.map(formatParty));
    await remarkCount(online, elements.length, more, "tool");
    return "yes";
  },
});
