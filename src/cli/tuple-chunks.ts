import type { Client } from "../client/client.ts";
import { tupleToProto } from "../client/tuple.ts";
import { formatTuple } from "../core/tuple.ts";
import type { Progress } from "./progress.ts";
import type { PlacedTuple } from "./tuple-file.ts";
import { formatTupleJson } from "./tuple-line.ts";

// Of a message, which has at most 4 MiB; a tuple on the wire is about as long as its JSON.
const chunkLengthMax = 1024 * 1024;
// Of a connection that breaks it is known only what an answered call has stored, and each call waits
// for the nodes once: few enough to have a place to go on from, enough not to feel the waiting.
const chunksOfOneCall = 20;

/** One message of an import. */
export interface Chunk {
  readonly tuples: readonly PlacedTuple[];
  /** The line of its last tuple. */
  readonly cursor: string;
}

export type ImportRequest = Parameters<Client["tuple"]["importTuples"]>[0] extends
  | AsyncIterable<infer R>
  | Iterable<infer R>
  ? R
  : never;

/** For whom and how: only the first message of a call says it. */
export type ImportOpening = Pick<ImportRequest, "tenant" | "options">;

/** No chunk has a tuple twice: of two, the later one counts, in a later chunk. */
export async function* chunksOf(
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

/**
 * The messages of each call in turn; the messages of one must be read before the next is asked for.
 * There is one call, with one message, even where there is nothing to import.
 */
export async function* callsOf(
  chunks: AsyncIterable<Chunk>,
  opening: ImportOpening,
  progress: Progress,
): AsyncGenerator<AsyncIterable<ImportRequest>> {
  const source = chunks[Symbol.asyncIterator]();
  let next = await source.next();
  async function* messages(): AsyncGenerator<ImportRequest> {
    if (next.done === true) yield opening;
    for (let count = 0; count < chunksOfOneCall && next.done !== true; count += 1) {
      const { tuples, cursor } = next.value;
      const message = { tuples: tuples.map(({ tuple }) => tupleToProto(tuple)), cursor };
      yield count === 0 ? { ...opening, ...message } : message;
      await progress.advance(tuples.length);
      next = await source.next();
    }
  }
  do yield messages();
  while (next.done !== true);
}
