import { linesOfPart } from "../audit/export-lines.ts";
import type { LogPart } from "../audit/log-part.ts";
import { parseRow } from "../audit/log-row.ts";
import { changeToOcsf, decisionToOcsf, ocsfVersion } from "../audit/ocsf.ts";
import type { Command } from "./command.ts";
import { parseOneOf, standing } from "./flag.ts";
import { readLogParts } from "./log-parts.ts";
import { onlineCommand } from "./online.ts";

const formats = ["jsonl", "ocsf"] as const;

/** `prokura log export` */
export const exportLog: Command = onlineCommand({
  words: "log export",
  summary: "print the whole log, one JSON document a line",
  detail:
    "As jsonl it has all that `log verify --export` needs. As ocsf it has decisions as API Activity (6003)\n" +
    `and changes as Entity Management (3004) of OCSF ${ocsfVersion}, for a SIEM; that proves nothing.`,
  flags: {
    format: standing(
      { name: "format", value: "NAME", meaning: `of ${formats.join(", ")}` },
      parseOneOf(formats),
      "jsonl",
    ),
  },
  examples: ["log export", "log export --format ocsf --tenant acme"],
  async run({ format }, online) {
    for await (const part of readLogParts(online)) {
      const lines = format === "jsonl" ? linesOfPart(part) : ocsfLines(part);
      if (lines.length > 0) await online.terminal.output.write(`${lines.join("\n")}\n`);
    }
    return "yes";
  },
});

/** `prokura log checkpoint` */
export const readCheckpoint: Command = onlineCommand({
  words: "log checkpoint",
  summary: "print the last signed checkpoint of each chain, to be kept elsewhere",
  detail: "With these, `log verify --checkpoint` proves later that nothing up to now was touched.",
  flags: {},
  examples: ["log checkpoint"],
  async run(_values, online) {
    const { checkpoints } = await online.client.audit.listCheckpoints({ tenant: online.tenant });
    for (const { body, signature } of checkpoints) {
      await online.terminal.output.write(`${JSON.stringify({ body, signature })}\n`);
    }
    return "yes";
  },
});

function ocsfLines(part: LogPart): readonly string[] {
  switch (part.kind) {
    case "segment":
      return (part.rows ?? []).flatMap((text) => {
        const row = parseRow(text);
        return row?.kind === "decision" ? [JSON.stringify(decisionToOcsf(row))] : [];
      });
    case "revision":
      return [JSON.stringify(changeToOcsf(part.facts))];
    case "chain":
    case "changes":
    case "checkpoint":
    case "live":
    case "tuples":
      return [];
  }
}
