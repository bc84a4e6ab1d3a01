import { contextToProto, objectFromProto } from "../client/tuple.ts";
import { DomainError } from "../core/error.ts";
import { formatObject, parseObjectText, type ObjectRef } from "../core/object.ts";
import type { Command, Outcome } from "./command.ts";
import { parseContextPart, readContext } from "./context-text.ts";
import { optionalObject, optionalText, repeated, toggle, type FlagValues } from "./flag.ts";
import { consistencyOf, freshnessFlags } from "./freshness.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { answer, onlineCommand, type Online } from "./online.ts";
import { readPages } from "./pages.ts";
import { listRegistered } from "./registered-tools.ts";

const flags = {
  principal: optionalObject("principal", "on whose behalf"),
  actors: repeated(
    { name: "actor", value: "TYPE:ID", meaning: "who acts; several in order make a chain" },
    parseObjectText,
  ),
  session: optionalObject("session", "the session"),
  context: repeated(
    { name: "context", value: "NAME=VALUE|@FILE", meaning: "parameters of conditions" },
    parseContextPart,
  ),
  delegation: optionalText("delegation", "ID", "only chains that end in this delegation"),
  partialChain: toggle("partial-chain", "the actor is the last of a chain that is not known"),
  limit: limitFlag,
  ...freshnessFlags,
};

type Values = FlagValues<typeof flags>;

/** `prokura tools list` */
export const listTools: Command = onlineCommand({
  words: "tools list",
  summary: "the tools that an actor may call for a principal, or all that are registered",
  detail:
    "With --principal and --actor: what the actor may call for the principal, before it is known on what.\n" +
    "Without them: every tool, its server, the risk class of its tier, what it requires and who is\n" +
    "eligible. Ends with 1 where there is none.",
  flags,
  examples: ["tools list --principal user:alice --actor agent:mailbot", "tools list"],
  async run(values, online) {
    const { principal, actors } = values;
    if (principal === undefined && actors.length === 0) {
      return await listRegistered(consistencyOf(values), values.limit, online);
    }
    if (principal === undefined || actors.length === 0) {
      throw new DomainError("malformed", "--principal and --actor go together");
    }
    return await listAllowed(values, principal, online);
  },
});

async function listAllowed(values: Values, principal: ObjectRef, online: Online): Promise<Outcome> {
  const context = contextToProto(await readContext(values.context, online.terminal));
  const { last, elements, more } = await readPages(
    (page) =>
      online.client.authorization.listTools({
        tenant: online.tenant,
        consistency: consistencyOf(values),
        principal,
        actors: [...values.actors],
        session: values.session,
        context,
        delegationId: values.delegation ?? "",
        partialChain: values.partialChain,
        ...page,
      }),
    (response) => response.tools,
    values.limit,
  );
  await answer(online, { ...last, tools: [...elements] }, () =>
    elements.map((tool) => formatObject(objectFromProto(tool))),
  );
  await remarkCount(online, elements.length, more, "tool");
  return elements.length === 0 ? "no" : "yes";
}
