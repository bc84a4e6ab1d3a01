import { basename, dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { DomainError } from "../core/error.ts";
import { quote } from "../core/object.ts";
import { manifestName, type ModelFile } from "../model/import-sources.ts";
import { readWhole } from "./file-text.ts";
import type { Terminal } from "./terminal.ts";

/**
 * The files of one model: a single text, or modules with their `fga.mod`. Where only the `fga.mod` is
 * named, the modules that it lists are read from beside it.
 */
export async function readModelFiles(
  paths: readonly string[],
  terminal: Terminal,
): Promise<readonly ModelFile[]> {
  const files: ModelFile[] = [];
  for (const path of paths) {
    files.push({ name: basename(path), text: await readWhole(path, terminal) });
  }
  const [path, ...others] = paths;
  const [manifest] = files;
  if (path === undefined || manifest?.name !== manifestName || others.length > 0) return files;
  for (const name of modulesOf(manifest)) {
    files.push({ name, text: await readWhole(join(dirname(path), name), terminal) });
  }
  return files;
}

function modulesOf({ name, text }: ModelFile): readonly string[] {
  const document = parseDocument(text);
  const root: unknown =
    document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 0 });
  const contents =
    typeof root === "object" && root !== null && "contents" in root ? root.contents : undefined;
  if (Array.isArray(contents) && contents.every((one) => typeof one === "string")) return contents;
  throw new DomainError(
    "malformed",
    `${quote(name)} must have \`contents:\`, a list of file names`,
  );
}
