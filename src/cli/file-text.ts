import { open } from "node:fs/promises";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import type { Terminal } from "./terminal.ts";

const wholeBytesMax = 64 * 1024 * 1024;
const lineLengthMax = 1024 * 1024;

/** A file as text; `-` is the standard input. Fails with `malformed` where it cannot be read, or is over 64 MiB. */
export async function readWhole(path: string, terminal: Terminal): Promise<string> {
  let text = "";
  for await (const chunk of textOf(path, terminal)) {
    text += chunk;
    if (text.length > wholeBytesMax) {
      throw new DomainError("malformed", `${quote(path)} is larger than 64 MiB`);
    }
  }
  return text;
}

/** The lines of a file or, for `-`, of the standard input, without their ends. A line has at most 1 Mi characters. */
export async function* readLines(path: string, terminal: Terminal): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of textOf(path, terminal)) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    if (rest.length > lineLengthMax) {
      throw new DomainError(
        "malformed",
        `${quote(path)} has a line of over ${lineLengthMax} characters`,
      );
    }
  }
  if (rest !== "") yield rest;
}

async function* textOf(path: string, terminal: Terminal): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const bytes of bytesOf(path, terminal))
      yield decoder.decode(bytes, { stream: true });
    yield decoder.decode();
  } catch (cause) {
    if (
      cause instanceof TypeError &&
      "code" in cause &&
      cause.code === "ERR_ENCODING_INVALID_ENCODED_DATA"
    ) {
      throw new DomainError("malformed", `${quote(path)} is no UTF-8`, { cause });
    }
    throw cause;
  }
}

async function* bytesOf(path: string, terminal: Terminal): AsyncGenerator<Uint8Array> {
  if (path === "-") {
    yield* terminal.input;
    return;
  }
  try {
    await using file = await open(path);
    yield* file.createReadStream({ autoClose: false });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const why = reasons.get(code) ?? `it fails with ${code}`;
    throw new DomainError("malformed", `cannot read ${quote(path)}: ${why}`, { cause });
  }
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file"],
  ["EACCES", "it is not permitted"],
  ["EISDIR", "it is a folder"],
]);
