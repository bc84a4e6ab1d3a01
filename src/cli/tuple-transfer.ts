import { ApiError } from "../client/api-error.ts";
import type { Client } from "../client/client.ts";
import { tupleFromProto, tupleToProto } from "../client/tuple.ts";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { formatTuple } from "../core/tuple.ts";
import type { Command } from "./command.ts";
import { optional, optionalText, parseCount, parseOneOf, standing } from "./flag.ts";
import { consistencyOf, freshnessFlags } from "./freshness.ts";
import { describeResult, mutationFlags, optionsOf } from "./mutation.ts";
import { answer, onlineCommand, remark, type Online } from "./online.ts";
import { openProgress, type Progress } from "./progress.ts";
import { filterFlags, filterOf } from "./tuple-filter.ts";
import { readTupleFile, type PlacedTuple } from "./tuple-file.ts";
import { formatTupleJson, formatTupleLine } from "./tuple-line.ts";

const chunkTuplesMax = 5000;
// Of a message, which has at most 4 MiB; a tuple on the wire is about as long as its JSON.
const chunkLengthMax = 1024 * 1024;

/** `prokura tuple import` */
export const importTuples: Command = onlineCommand({
  words: "tuple import",
  summary: "store the tuples of a file, however many, chunk by chunk",
  detail:
    "One tuple a line, as text or JSON, as `tuple export` writes them; `.yaml` and `.json` files are lists\n" +
    "as OpenFGA's command line has them. Not atomic: each chunk is a write of its own. It may be repeated:\n" +
    "what is there already stays. After a failure go on with --resume.",
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
    const file = endingAtFault(readTupleFile(path, terminal, Date.now()));
    try {
      const response = await client.tuple.importTuples(
        requests(chunks(file.tuples, values.chunk, resume), { tenant, options }, progress),
      );
      await progress.close();
      const fault = file.fault();
      if (fault !== undefined) {
        await remarkResume(response.cursor, path, online);
        throw fault.cause;
      }
      await answer(online, response, () => [
        `imported ${response.importedCount}`,
        ...describeResult(response.result, online),
      ]);
      return "yes";
    } catch (cause) {
      if (cause instanceof ApiError) {
        await progress.close();
        await remarkResume(cause.detail?.cursor ?? "", path, online);
      }
      throw cause;
    }
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

/** One message of an import. */
interface Chunk {
  readonly tuples: readonly PlacedTuple[];
  readonly cursor: string;
}

/** No chunk has a tuple twice: of two, the later one counts, in a later chunk. */
async function* chunks(
  tuples: AsyncIterable<PlacedTuple>,
  size: number,
  resume: number,
): AsyncGenerator<Chunk> {
  let chunk: PlacedTuple[] = [];
  let keys = new Set<string>();
  let length = 0;
  const cursor = (): string => String(chunk.at(-1)?.line ?? 0);
  for await (const placed of tuples) {
    if (placed.line <= resume) continue;
    const key = formatTuple(placed.tuple);
    const added = formatTupleJson(placed.tuple).length;
    const full = chunk.length >= size || length + added > chunkLengthMax || keys.has(key);
    if (full && chunk.length > 0) {
      yield { tuples: chunk, cursor: cursor() };
      [chunk, keys, length] = [[], new Set(), 0];
    }
    chunk.push(placed);
    keys.add(key);
    length += added;
  }
  if (chunk.length > 0) yield { tuples: chunk, cursor: cursor() };
}

type Request = Parameters<Client["tuple"]["importTuples"]>[0] extends
  | AsyncIterable<infer R>
  | Iterable<infer R>
  ? R
  : never;

/** For whom and how: only the first message says it. */
interface Opening {
  readonly tenant: string;
  readonly options: ReturnType<typeof optionsOf>;
}

/** There is a message even where there is nothing to import. */
async function* requests(
  source: AsyncIterable<Chunk>,
  opening: Opening,
  progress: Progress,
): AsyncGenerator<Request> {
  let first = true;
  for await (const { tuples, cursor } of source) {
    const message = { tuples: tuples.map(({ tuple }) => tupleToProto(tuple)), cursor };
    yield first ? { ...opening, ...message } : message;
    first = false;
    await progress.advance(tuples.length);
  }
  if (first) yield opening;
}

/** Says where to go on, if anything was stored. */
async function remarkResume(cursor: string, path: string, online: Online): Promise<void> {
  if (cursor === "") return;
  await remark(online, `stored up to line ${cursor}: go on with`);
  await remark(online, `  prokura tuple import ${path} --resume ${cursor}`);
}

/**
 * The tuples before the first line that cannot be read. They end there without an error, so that what
 * was sent is stored and it is known how far; `fault` then has the error.
 */
function endingAtFault(source: AsyncIterable<PlacedTuple>): {
  readonly tuples: AsyncIterable<PlacedTuple>;
  readonly fault: () => { readonly cause: unknown } | undefined;
} {
  let fault: { readonly cause: unknown } | undefined;
  async function* tuples(): AsyncGenerator<PlacedTuple> {
    try {
      yield* source;
    } catch (cause) {
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
