import { ApiError } from "../client/api-error.ts";
import type { Client } from "../client/client.ts";
import { decisionFromProto } from "../client/decision.ts";
import { explanationFromProto } from "../client/explanation.ts";
import { timeFromProto } from "../client/time.ts";
import { contextToProto } from "../client/tuple.ts";
import { DomainError } from "../core/error.ts";
import { formatObject, parseObjectText, type ObjectRef } from "../core/object.ts";
import { parseAccess, withRole } from "./access-text.ts";
import type { Command, Outcome } from "./command.ts";
import { parseContextPart, readContext } from "./context-text.ts";
import { describeDelegation } from "./delegation-text.ts";
import { explanationBranch } from "./explanation.ts";
import {
  atLeastOne,
  optionalName,
  optionalObject,
  optionalText,
  repeated,
  requiredObject,
  toggle,
  type FlagValues,
} from "./flag.ts";
import { consistencyOf, freshnessFlags } from "./freshness.ts";
import { answer, onlineCommand, type Online } from "./online.ts";
import { formatTime } from "./time-text.ts";
import { drawTree } from "./tree.ts";

const flags = {
  principal: requiredObject("principal", "on whose behalf"),
  actors: atLeastOne(
    { name: "actor", value: "TYPE:ID", meaning: "who acts; several in order make a chain" },
    parseObjectText,
  ),
  tool: requiredObject("tool", "the tool that is called"),
  accesses: repeated(
    {
      name: "resource",
      value: "[ROLE=]TYPE:ID[#PERMISSION]",
      meaning: "what the call touches; `with {…}` after it gives it a context of its own",
    },
    parseAccess,
  ),
  role: optionalName("role", "ROLE", "the role of the one resource"),
  context: repeated(
    { name: "context", value: "NAME=VALUE|@FILE", meaning: "parameters of conditions" },
    parseContextPart,
  ),
  session: optionalObject("session", "the session"),
  delegation: optionalText("delegation", "ID", "only a chain that ends in this delegation"),
  partialChain: toggle("partial-chain", "the actor is the last of a chain that is not known"),
  ...freshnessFlags,
};

const exampleCall =
  "--principal user:alice --actor agent:mailbot --tool tool:gmail/send --resource mailbox:alice";

/** `prokura check`: may it? */
export const check: Command = onlineCommand({
  words: "check",
  summary: "may this agent, acting for this principal, call this tool on these resources?",
  detail: "Ends with 0 where it is allowed and 1 where it is denied.",
  flags: { ...flags, explain: toggle("explain", "show how the decision came about") },
  examples: [
    `check ${exampleCall}`,
    `check ${exampleCall} --context arguments.to=bob@example.com`,
    "check --principal user:alice --actor agent:assistant --actor agent:reader \\\n" +
      "      --tool tool:files/copy --resource source=document:plan --resource target=folder:work",
  ],
  run: (values, online) => ask(values, online, values.explain),
});

/** `prokura explain`: who let it, or who did not? */
export const explain: Command = onlineCommand({
  words: "explain",
  summary: "a check with its explanation, drawn as a tree: who let it, or what is missing?",
  detail: "Takes what `check` takes. Ends with 0 where it is allowed and 1 where it is denied.",
  flags,
  examples: [`explain ${exampleCall}`],
  run: (values, online) => ask(values, online, true),
});

type Response = Awaited<ReturnType<Client["authorization"]["check"]>>;

async function ask(
  values: FlagValues<typeof flags>,
  online: Online,
  explained: boolean,
): Promise<Outcome> {
  const { principal, tool, session, delegation = "", partialChain } = values;
  if (partialChain && values.actors.length > 1) {
    throw new DomainError("malformed", "--partial-chain goes with exactly one --actor");
  }
  const accesses = withRole(values.accesses, values.role);
  const context = await readContext(values.context, online.terminal);
  const response = await online.client.authorization.check({
    tenant: online.tenant,
    consistency: consistencyOf(values),
    principal,
    actors: [...values.actors],
    tool,
    accesses: accesses.map((access) => ({ ...access, context: contextToProto(access.context) })),
    context: contextToProto(context),
    session,
    delegationId: delegation,
    partialChain,
    explain: explained,
  });
  const chain = explained && !online.json ? await describeChain(response, online) : [];
  await answer(online, response, () => [
    ...describe(response, callText(values.actors, principal, tool), online),
    ...treeOf(response, online),
    ...chain,
  ]);
  return decisionFromProto(response).kind === "allowed" ? "yes" : "no";
}

function callText(actors: readonly ObjectRef[], principal: ObjectRef, tool: ObjectRef): string {
  const chain = actors.map(formatObject).join(" → ");
  return `${chain} for ${formatObject(principal)}: ${formatObject(tool)}`;
}

function describe(response: Response, call: string, { paint }: Online): readonly string[] {
  const decision = decisionFromProto(response);
  const chain = decision.delegationIds.join(" → ");
  const facts =
    decision.kind === "allowed"
      ? [
          `${paint.good("ALLOWED")}  ${call}`,
          chain === "" ? "" : `  by delegation  ${chain}`,
          response.validUntil === undefined
            ? ""
            : `  valid until    ${formatTime(timeFromProto(response.validUntil))}`,
        ]
      : [
          `${paint.bad("DENIED")}  ${paint.strong(decision.reason)}  ${call}`,
          decision.detail === "" ? "" : `  ${decision.detail}`,
          decision.missingContext.length === 0
            ? ""
            : `  supply with    ${decision.missingContext.map((name) => `--context ${name}=…`).join(" ")}`,
          chain === "" ? "" : `  got furthest   ${chain}`,
        ];
  const lines = [...facts, paint.faint(`  decision       ${decision.id}, token ${response.token}`)];
  return lines.filter((line) => line !== "");
}

function treeOf({ explanation }: Response, { paint }: Online): readonly string[] {
  if (explanation === undefined) return [];
  return ["", ...drawTree(explanationBranch(explanationFromProto(explanation), paint))];
}

/** Who let whom, and what for. A delegation that has gone since the decision is said to be gone. */
async function describeChain(response: Response, online: Online): Promise<readonly string[]> {
  const { client, tenant, paint } = online;
  const consistency = { mode: { case: "atLeastAsFresh" as const, value: response.token } };
  const lines: string[] = [];
  for (const delegationId of response.delegationIds) {
    try {
      const request = { tenant, consistency, delegationId };
      const { delegation } = await client.delegation.getDelegation(request);
      if (delegation !== undefined) lines.push("", ...describeDelegation(delegation, paint));
    } catch (cause) {
      if (!(cause instanceof ApiError) || cause.code !== "delegation_not_found") throw cause;
      lines.push("", `delegation ${delegationId} is gone by now`);
    }
  }
  return lines;
}
