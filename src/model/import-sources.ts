import { transformer } from "@openfga/syntax-transformer";

import { quote } from "../core/object.ts";
import {
  findingAt,
  sortFindings,
  type Finding,
  type FindingCode,
  type Position,
} from "./finding.ts";
import { importDsl, textLimits, type TextLimits } from "./import-dsl.ts";
import type { SourceCondition, SourceModel, SourceType } from "./source-model.ts";

/** One file of a model. */
export interface ModelFile {
  readonly name: string;
  readonly text: string;
}

export type ImportedSources =
  | { readonly kind: "imported"; readonly source: SourceModel }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

export const manifestName = "fga.mod";

/**
 * Reads one file that is a whole model, or an `fga.mod` with the modules that it lists: a module's
 * `extend type` adds to a type of another. The limit of the text holds for all files together.
 */
export function importSources(
  files: readonly ModelFile[],
  limits: TextLimits = textLimits,
): ImportedSources {
  const manifest = files.find(({ name }) => name === manifestName);
  const [only] = files;
  if (manifest !== undefined) return importModules(manifest, files, limits);
  if (only !== undefined && files.length === 1) return importDsl(only.text, undefined, limits);
  const hint = `send one file, or a ${manifestName} that lists all of them`;
  const message = `${files.length} files make no model`;
  return refused([findingAt({ line: 1, column: 1 }, "module_invalid", message, hint)]);
}

function importModules(
  manifest: ModelFile,
  files: readonly ModelFile[],
  limits: TextLimits,
): ImportedSources {
  const start: Position = { file: manifest.name, line: 1, column: 1 };
  const bytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes > limits.textBytesMax) {
    const hint = `keep them within ${limits.textBytesMax} bytes`;
    return refused([findingAt(start, "text_too_large", `the files have ${bytes} bytes`, hint)]);
  }
  const listed = readManifest(manifest, start);
  if (listed.kind === "refused") return listed;
  const findings: Finding[] = [];
  const sources: SourceModel[] = [];
  for (const { name, position } of listed.modules) {
    const file = files.find((each) => each.name === name);
    if (file === undefined) {
      const hint = "send the file, or take it off the list";
      const message = `the module ${quote(name)} is missing`;
      findings.push(findingAt(position, "module_invalid", message, hint));
      continue;
    }
    const imported = importDsl(file.text, name, limits);
    if (imported.kind === "refused") findings.push(...imported.findings);
    else sources.push(imported.source);
  }
  const merged = mergeSources(sources, listed.schema);
  findings.push(...merged.findings);
  if (findings.length > 0) return refused(sortFindings(findings));
  return { kind: "imported", source: merged.source };
}

interface Listed {
  readonly kind: "listed";
  readonly schema: string;
  readonly modules: readonly { readonly name: string; readonly position: Position }[];
}

function readManifest(
  manifest: ModelFile,
  start: Position,
): Listed | Extract<ImportedSources, { kind: "refused" }> {
  try {
    const { schema, contents } = transformer.transformModFileToJSON(manifest.text);
    const modules = contents.value.map(({ value, line, column }) => ({
      name: value,
      position: { ...start, line: line.start + 1, column: column.start + 1 },
    }));
    return { kind: "listed", schema: schema.value, modules };
  } catch (error) {
    // Its errors are lists; anything else that it throws on a text is its way to refuse the text.
    const message = (error instanceof Error ? error.message : String(error)).replaceAll(
      /\s+/g,
      " ",
    );
    const hint = "write `schema: '1.2'` and `contents:` with a list of file names";
    return refused([
      findingAt(start, "module_invalid", `the manifest is not valid: ${message}`, hint),
    ]);
  }
}

/** A relation that a module adds keeps its own position, so findings name the module. */
function mergeSources(
  sources: readonly SourceModel[],
  schemaVersion: string,
): { readonly source: SourceModel; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const types = new Map<string, SourceType>();
  const conditions = new Map<string, SourceCondition>();
  const all = sources.flatMap((source) => source.types);
  for (const type of all.filter(({ extending }) => !extending)) {
    if (types.has(type.name))
      twice("duplicate_type", `the type ${quote(type.name)}`, type.position);
    else types.set(type.name, type);
  }
  for (const extension of all.filter(({ extending }) => extending)) {
    const type = types.get(extension.name);
    if (type === undefined) {
      const message = `there is no type ${quote(extension.name)} to extend`;
      const hint = "define it in one of the modules";
      findings.push(findingAt(extension.position, "type_unknown", message, hint));
      continue;
    }
    for (const { name, position } of extension.relations) {
      if (!type.relations.some((relation) => relation.name === name)) continue;
      twice("module_invalid", `${type.name}#${name}`, position);
    }
    types.set(type.name, { ...type, relations: [...type.relations, ...extension.relations] });
  }
  for (const condition of sources.flatMap((source) => source.conditions)) {
    const { name, position } = condition;
    if (conditions.has(name)) twice("module_invalid", `the condition ${quote(name)}`, position);
    else conditions.set(name, condition);
  }
  const source = {
    schemaVersion,
    types: [...types.values()],
    conditions: [...conditions.values()],
  };
  return { source, findings };

  function twice(code: FindingCode, what: string, position: Position): void {
    findings.push(
      findingAt(position, code, `${what} is defined twice`, "leave one definition out"),
    );
  }
}

function refused(findings: readonly Finding[]): Extract<ImportedSources, { kind: "refused" }> {
  return { kind: "refused", findings };
}
