import type { Command } from "./command.ts";
import { answer, onlineCommand } from "./online.ts";
import { drawTable } from "./table.ts";

/** `prokura nodes` */
export const listNodes: Command = onlineCommand({
  words: "nodes",
  summary: "the server's nodes, and how far each has applied the tenant's writes",
  flags: {},
  examples: ["nodes", "nodes --tenant acme --json"],
  async run(_values, online) {
    const response = await online.client.admin.listNodes({ tenant: online.tenant });
    const { paint } = online;
    await answer(online, response, () =>
      drawTable(
        ["NODE", "LEASE", "STATE", "APPLIED"],
        response.nodes.map(({ name, leaseId, self, subscribed, outdated, token }) => [
          paint.name(name) + (self ? " (this one)" : ""),
          leaseId,
          stateText(subscribed, outdated, token === response.token),
          token === "" ? "nothing held" : token,
        ]),
      ),
    );
    return "yes";
  },
});

function stateText(subscribed: boolean, outdated: boolean, current: boolean): string {
  if (outdated) return "of an earlier timeline";
  if (!subscribed) return "idle";
  return current ? "current" : "behind";
}

/** `prokura wait` */
export const waitFor: Command = onlineCommand({
  words: "wait",
  summary: "wait until every node answers at a token or later",
  operands: { shown: "TOKEN", meaning: "as a write answered", min: 1, max: 1 },
  flags: {},
  examples: ["wait MSAwMDAwMDAwMSA3IGRlZmF1bHQ --timeout 30s"],
  async run(_values, online, [token = ""]) {
    const response = await online.client.tuple.waitFor({ tenant: online.tenant, token });
    await answer(online, response, () => [online.paint.good("every node has applied it")]);
    return "yes";
  },
});
