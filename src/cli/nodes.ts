import type { Client } from "../client/client.ts";
import { durationFromProto } from "../client/time.ts";
import type { Command } from "./command.ts";
import { answer, onlineCommand } from "./online.ts";
import { drawTable } from "./table.ts";
import { formatDuration } from "./time-text.ts";

type ServingNode = Awaited<ReturnType<Client["admin"]["listNodes"]>>["nodes"][number];

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
        ["NODE", "LEASE", "STATE", "BEHIND", "APPLIED"],
        response.nodes.map((node) => [
          paint.name(node.name) + (node.self ? " (this one)" : ""),
          node.leaseId,
          stateText(node),
          behindText(node),
          node.token === "" ? "nothing held" : node.token,
        ]),
      ),
    );
    return "yes";
  },
});

function stateText({ subscribed, outdated, revisionsBehind }: ServingNode): string {
  if (outdated) return "of an earlier timeline";
  if (!subscribed) return "idle";
  return revisionsBehind === 0n ? "current" : "behind";
}

function behindText({ revisionsBehind, behindFor }: ServingNode): string {
  if (revisionsBehind === 0n) return "-";
  const revisions = `${revisionsBehind} revision${revisionsBehind === 1n ? "" : "s"}`;
  if (behindFor === undefined) return revisions;
  return `${revisions}, for ${formatDuration(durationFromProto(behindFor))}`;
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
