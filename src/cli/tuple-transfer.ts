import { ApiError } from "../client/api-error.ts";
import { tupleFromProto } from "../client/tuple.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import type { Command } from "./command.ts";
import { optional, optionalText, parseCount, parseOneOf, standing } from "./flag.ts";
import { consistencyOf, freshnessFlags } from "./freshness.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand, remark, type Online } from "./online.ts";
import { openProgress } from "./progress.ts";
import { callsOf, chunksOf } from "./tuple-chunks.ts";
import { filterFlags, filterOf } from "./tuple-filter.ts";
import { readTupleFile, type PlacedTuple } from "./tuple-file.ts";
import { formatTupleJson, formatTupleLine } from "./tuple-line.ts";

const chunkTuplesMax = 5000;

/** `prokura tuple import` */
export const importTuples: Command = onlineCommand({
  words: "tuple import",
  summary: "store the tuples of a file, however many, chunk by chunk",
  detail:
    "One tuple a line, as text or JSON, as `tuple export` writes them; `.yaml` and `.json` files are lists\n" +
    "as OpenFGA's command line has them. Not atomic: each chunk is a write of its own. It may be repeated:\n" +
    "what is there already stays. A failure says the line after which to go on with --resume.",
  operands: { shown: "FILE", meaning: "- is the standard input", min: 1, max: 1 },
  flags: {
    resume: optional(
      { name: "resume", value: "LINE", meaning: "go on after this line, as the failure said" },
      parseCount,
    ),
    chunk: standing(
      { name: "chunk", value: "N", meaning: "tuples of one write, at most 5000" },
      parseChunk,
      "1000",
    ),
    reason: mutationFlags.reason,
    noBarrier: mutationFlags.noBarrier,
  },
  examples: [
    "tuple import tuples.txt",
    "tuple import tuples.txt --resume 45000",
    "tuple export --address old:7450 | prokura tuple import -",
  ],
  async run(values, online, [path = ""]) {
    const { client, tenant, terminal } = online;
    const progress = openProgress(terminal.errors, "tuples read");
    const resume = values.resume ?? 0;
    const options = optionsOf({ ...values, idempotencyKey: undefined });
    let last: Awaited<ReturnType<typeof client.tuple.importTuples>> | undefined;
    const file = endingAtFault(readTupleFile(path, terminal, Date.now()));
    const chunks = chunksOf(file.tuples, values.chunk, resume);
    let imported = 0n;
    let cursor = "";
    try {
      for await (const messages of callsOf(chunks, { tenant, options }, progress)) {
        last = await client.tuple.importTuples(messages);
        imported += last.importedCount;
        cursor = last.cursor || cursor;
      }
    } catch (cause) {
      await progress.close();
      if (cause instanceof ApiError) {
        const known = cause.detail?.cursor || cursor;
        await remarkResume({ known, resume, isSure: !silentCodes.has(cause.code) }, path, online);
      }
      throw cause;
    }
    await progress.close();
    const fault = file.fault();
    if (fault !== undefined) {
      await remarkResume({ known: cursor, resume, isSure: true }, path, online);
      throw fault.cause;
    }
    if (last === undefined) throw new RangeError("an import makes at least one call");
    await answer(online, { ...last, importedCount: imported }, () => [
      `imported ${imported}`,
      ...describeResult(last?.result, online),
    ]);
    return "yes";
  },
});

/** `prokura tuple export` */
export const exportTuples: Command = onlineCommand({
  words: "tuple export",
  summary: "print all tuples at one revision, in the form that `tuple import` takes",
  flags: {
    ...filterFlags,
    format: standing(
      { name: "format", value: "text|jsonl", meaning: "tuples as text or as JSON, one a line" },
      parseOneOf(["text", "jsonl"]),
      "text",
    ),
    cursor: optionalText("cursor", "CURSOR", "go on after a chunk of an earlier export"),
    ...freshnessFlags,
  },
  examples: ["tuple export > tuples.txt", "tuple export --object-type document --format jsonl"],
  async run(values, online) {
    const { output, errors } = online.terminal;
    const format = values.format === "jsonl" || online.json ? formatTupleJson : formatTupleLine;
    // Where the tuples themselves go to a terminal, a count between them would only disturb.
    const progress = output.isTty ? undefined : openProgress(errors, "tuples exported");
    let cursor = values.cursor ?? "";
    let token = "";
    try {
      const stream = online.client.tuple.exportTuples({
        tenant: online.tenant,
        consistency: consistencyOf(values),
        filter: filterOf(values),
        cursor,
      });
      for await (const chunk of stream) {
        const lines = chunk.tuples.map((tuple) => `${format(tupleFromProto(tuple))}\n`);
        await output.write(lines.join(""));
        await progress?.advance(chunk.tuples.length);
        ({ cursor, token } = chunk);
      }
    } catch (cause) {
      await progress?.close();
      if (cursor !== "") await remark(online, `go on with --cursor ${cursor}`);
      throw cause;
    }
    await progress?.close();
    if (token !== "") await remark(online, `at token ${token}`);
    return "yes";
  },
});

/** With these the server does not say what became of the chunks that it was sent last. */
const silentCodes: ReadonlySet<string> = new Set([
  "not_serving",
  "outcome_unknown",
  "cancelled",
  "deadline_exceeded",
  "internal",
]);

/** How far an import came. */
interface Reached {
  /** The line up to which this run is known to have stored; empty where that is none. */
  readonly known: string;
  /** The line after which this run began. */
  readonly resume: number;
  /** Nothing was stored beyond that. */
  readonly isSure: boolean;
}

/** Says where to go on. */
async function remarkResume(
  { known, resume, isSure }: Reached,
  path: string,
  online: Online,
): Promise<void> {
  await remark(online, `${storedText(known, isSure)}: go on with`);
  const line = known === "" ? resume : known;
  const flag = line === 0 ? "" : ` --resume ${line}`;
  await remark(online, `  prokura tuple import ${path}${flag}`);
}

function storedText(known: string, isSure: boolean): string {
  if (known !== "") return `stored up to line ${known}${isSure ? "" : ", maybe further"}`;
  return isSure ? "nothing was stored" : "maybe something was stored, which a repetition leaves";
}

/**
 * The tuples before the first line that cannot be read. They end there without an error, so that what
 * was sent is stored and it is known how far; `fault` then has the error. Where there are none it is
 * thrown.
 */
function endingAtFault(source: AsyncIterable<PlacedTuple>): {
  readonly tuples: AsyncIterable<PlacedTuple>;
  readonly fault: () => { readonly cause: unknown } | undefined;
} {
  let fault: { readonly cause: unknown } | undefined;
  async function* tuples(): AsyncGenerator<PlacedTuple> {
    let any = false;
    try {
      for await (const tuple of source) {
        any = true;
        yield tuple;
      }
    } catch (cause) {
      if (!any) throw cause;
      fault = { cause };
    }
  }
  return { tuples: tuples(), fault: () => fault };
}

function parseChunk(text: string, field: string): number {
  const size = parseCount(text, field);
  if (size <= chunkTuplesMax) return size;
  throw new DomainError(
    "malformed",
    `${field} must be at most ${chunkTuplesMax}, got ${quote(text)}`,
    {
      field,
    },
  );
}
