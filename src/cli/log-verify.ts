import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { openCheckpoint, type SignedCheckpoint } from "../audit/checkpoint.ts";
import { ExportReader } from "../audit/export-lines.ts";
import type { Gap } from "../audit/gaps.ts";
import type { LogPart } from "../audit/log-part.ts";
import { parseObject, textOf } from "../audit/log-row.ts";
import { verifyLog, type LogReport } from "../audit/verify-log.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import type { Command } from "./command.ts";
import { optionalText, repeated, parseText } from "./flag.ts";
import { readLogParts } from "./log-parts.ts";
import { onlineCommand, printLines, type Online } from "./online.ts";
import { formatTime } from "./time-text.ts";

/** `prokura log verify` */
export const verifyCommand: Command = onlineCommand({
  words: "log verify",
  summary: "prove that nothing in the log was altered, removed, moved or cut off",
  detail:
    "Reads the whole log and verifies it here, so that the server need not be believed. Give it the\n" +
    "checkpoints that `log checkpoint` printed and that were kept where nobody who reaches the database\n" +
    "can write: without them a log that was rewritten as a whole agrees with itself. What is behind the\n" +
    "last checkpoint is called unproven. Ends with 1 where something is wrong.",
  flags: {
    checkpoint: repeated(
      { name: "checkpoint", value: "FILE", meaning: "checkpoints that were kept, a line each" },
      parseText,
    ),
    key: repeated(
      { name: "key", value: "KEY", meaning: "a node's public key, as checkpoints name it" },
      parseText,
    ),
    export: optionalText("export", "FILE", "verify what `log export` wrote, and ask no server"),
  },
  examples: [
    "log verify --checkpoint kept.jsonl",
    "log verify --checkpoint kept.jsonl --export log.jsonl",
  ],
  async run(values, online) {
    const files = await Promise.all(values.checkpoint.map(readCheckpoints));
    const evidence = { checkpoints: files.flat(), keys: values.key };
    const parts = values.export === undefined ? readLogParts(online) : readExport(values.export);
    const report = await verifyLog(online.tenant, parts, evidence);
    if (online.json) await online.terminal.output.write(`${JSON.stringify(report)}\n`);
    else await printLines(online, describe(report, online));
    return report.findingCount === 0 ? "yes" : "no";
  },
});

async function readCheckpoints(file: string): Promise<readonly SignedCheckpoint[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new DomainError("malformed", `--checkpoint: ${quote(file)} cannot be read`, { cause });
  }
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line, index) => {
    const members = parseObject(line) ?? {};
    const signed = { body: textOf(members, "body"), signature: textOf(members, "signature") };
    // A checkpoint that was damaged where it was kept is no evidence: better to say so at once.
    if (openCheckpoint(signed) !== undefined) return signed;
    const message = `line ${index + 1} of ${quote(file)} is no signed checkpoint`;
    throw new DomainError("malformed", message, { field: "--checkpoint" });
  });
}

async function* readExport(file: string): AsyncGenerator<LogPart, void, undefined> {
  const reader = new ExportReader();
  let number = 0;
  const input = createReadStream(file, "utf8");
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      const part = reader.partOfLine(line);
      if (part === undefined) {
        throw new DomainError("malformed", `line ${number} of ${quote(file)} is none of an export`);
      }
      yield part;
    }
  } catch (cause) {
    if (cause instanceof DomainError) throw cause;
    throw new DomainError("malformed", `--export: ${quote(file)} cannot be read`, { cause });
  }
}

function describe(report: LogReport, { paint }: Online): readonly string[] {
  const { findings, findingCount, chains, gaps, gapCount, changes, hasEvidence, keys } = report;
  const unproven = chains.reduce((sum, { lastSeq, provenSeq }) => sum + lastSeq - provenSeq, 0);
  const hidden = findingCount - findings.length;
  return [
    ...chains.map(
      ({ chain, rows, firstSeq, lastSeq, signedSeq, provenSeq }) =>
        `${paint.name(chain)}: ${rows} rows, ${firstSeq} to ${lastSeq}; signed to ${signedSeq}, proven to ${provenSeq}`,
    ),
    `changes: ${changes.revisions} revisions, ${changes.firstRevision} to ${changes.lastRevision}; ` +
      `contents of ${changes.contents}, proven to ${changes.provenRevision}`,
    describeLive(report, paint),
    ...(keys.length === 0 ? [] : [`believed: what was signed with ${keys.join(", ")}`]),
    ...counted(changes.unsealed, "are from before there were digests: nothing is proven of them"),
    ...counted(changes.unsigned, "are from before nodes signed them: who wrote them is not proven"),
    ...gaps.map((gap) => `${paint.strong("gap:")} ${describeGap(gap)}`),
    ...(gapCount === gaps.length ? [] : [`and ${gapCount - gaps.length} more gaps`]),
    ...findings.map(({ code, chain, seq, message }) => {
      const where = chain === "" ? `change ${seq}` : `${chain} row ${seq}`;
      return `${paint.bad(code)} ${where}: ${message}`;
    }),
    ...(hidden === 0 ? [] : [`and ${hidden} more`]),
    findingCount > 0
      ? paint.bad("the log was tampered with")
      : hasEvidence
        ? `${paint.good("nothing was touched")} up to the checkpoints; ${unproven} rows behind them are unproven`
        : `${paint.strong("the log agrees with itself")}: without --checkpoint that proves little`,
    "not proven by any of this: hashes of API keys, retired ids, stored answers to repeated requests, records of",
    "consents whose change is older than --history, and what was put in and taken out again before this",
  ];
}

function describeLive({ live, changes }: LogReport, paint: Online["paint"]): string {
  const { isBound, tuples, revision } = live;
  const what = `now: ${tuples} live tuples and the model`;
  if (!isBound) {
    return `${what}, of which ${paint.strong("nothing is proven")}: there were changes before these said what they left`;
  }
  const unproven = revision > changes.provenRevision ? ", which is unproven" : "";
  return `${what}, held against what revision ${revision} left${unproven}`;
}

function counted(revisions: number, what: string): readonly string[] {
  return revisions === 0 ? [] : [`${revisions} revisions ${what}`];
}

function describeGap({ chain, seq, dropped, fromMs, toMs }: Gap): string {
  if (toMs === undefined) {
    return `${chain} has no end: after row ${seq} (${formatTime(fromMs)}) its process runs, or ended without a word`;
  }
  const period = `${formatTime(fromMs)} to ${formatTime(toMs)}`;
  return dropped === 0
    ? `${chain} ended without a word after row ${seq}: decisions of up to 100 ms may be missing (${period})`
    : `${chain} dropped ${dropped} decisions after row ${seq} (${period})`;
}
