import type { Command } from "./command.ts";
import { proofTokenFlag } from "./credential.ts";
import {
  describeDelegation,
  formatCoverage,
  formatExpiry,
  formatParty,
  paintState,
} from "./delegation-text.ts";
import { optionalObject, optionalText, toggle } from "./flag.ts";
import { consistencyOf, freshnessFlags } from "./freshness.ts";
import { limitFlag, remarkCount } from "./limit.ts";
import { answer, onlineCommand } from "./online.ts";
import { readPages } from "./pages.ts";
import { drawTable } from "./table.ts";

/** `prokura delegations list` */
export const listDelegations: Command = onlineCommand({
  words: "delegations list",
  summary: "the delegations that stand",
  flags: {
    principal: optionalObject("principal", "those on behalf of this principal"),
    delegate: optionalObject("delegate", "those whose delegate this is"),
    parent: optionalText("parent", "ID", "those made directly from this one"),
    tool: optionalObject("tool", "those that cover this tool"),
    resource: optionalObject("resource", "those that cover this resource"),
    expired: toggle("expired", "those that have expired as well"),
    proofToken: proofTokenFlag,
    limit: limitFlag,
    ...freshnessFlags,
  },
  examples: [
    "delegations list --principal user:alice",
    "delegations list --delegate agent:mailbot --expired --json",
  ],
  async run(values, online) {
    const { last, elements, more } = await readPages(
      (page) =>
        online.client.delegation.listDelegations({
          tenant: online.tenant,
          consistency: consistencyOf(values),
          principal: values.principal,
          delegate: values.delegate,
          parentId: values.parent ?? "",
          tool: values.tool,
          resource: values.resource,
          includeExpired: values.expired,
          proofToken: values.proofToken ?? "",
          ...page,
        }),
      (response) => response.delegations,
      values.limit,
    );
    await answer(online, { ...last, delegations: [...elements] }, () =>
      drawTable(
        ["ID", "PRINCIPAL", "DELEGATE", "COVERS", "EXPIRES", "STATE"],
        elements.map((delegation) => [
          online.paint.name(delegation.id),
          formatParty(delegation.principal),
          formatParty(delegation.delegate),
          delegation.coverage === undefined ? "" : formatCoverage(delegation.coverage),
          formatExpiry(delegation),
          paintState(delegation, online.paint),
        ]),
      ),
    );
    await remarkCount(online, elements.length, more, "delegation");
    return "yes";
  },
});

/** `prokura delegations get` */
export const getDelegation: Command = onlineCommand({
  words: "delegations get",
  summary: "one delegation, with who gave it and what for",
  operands: { shown: "ID", meaning: "of the delegation", min: 1, max: 1 },
  flags: { proofToken: proofTokenFlag, ...freshnessFlags },
  examples: ["delegations get 01jd…"],
  async run(values, online, [delegationId = ""]) {
    const response = await online.client.delegation.getDelegation({
      tenant: online.tenant,
      consistency: consistencyOf(values),
      delegationId,
      proofToken: values.proofToken ?? "",
    });
    const { delegation } = response;
    await answer(online, response, () =>
      delegation === undefined ? [] : describeDelegation(delegation, online.paint),
    );
    return "yes";
  },
});
