import type { RelationTuple } from "../core/tuple.ts";
import { parseTupleFile } from "../model/store-test.ts";
import { readLines, readWhole } from "./file-text.ts";
import type { Terminal } from "./terminal.ts";
import { parseTupleLine } from "./tuple-line.ts";

/** A tuple, and where in its file it stands: the line from 1, or the position in a list. */
export interface PlacedTuple {
  readonly tuple: RelationTuple;
  readonly line: number;
}

/**
 * The tuples of a file, one a line; empty lines and lines that begin with `#` are passed over. A file
 * whose name ends in `.yaml`, `.yml` or `.json` is a list as OpenFGA's command line writes it, and is
 * read whole. Fails with `malformed`, which names file and line.
 */
export async function* readTupleFile(
  path: string,
  terminal: Terminal,
  nowMs: number,
): AsyncGenerator<PlacedTuple> {
  if (/\.(?:ya?ml|json)$/i.test(path)) {
    for (const [index, tuple] of parseTupleFile(await readWhole(path, terminal)).entries()) {
      yield { tuple, line: index + 1 };
    }
    return;
  }
  let line = 0;
  for await (const text of readLines(path, terminal)) {
    line += 1;
    const trimmed = text.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    yield { tuple: parseTupleLine(trimmed, `${path}:${line}`, nowMs), line };
  }
}
