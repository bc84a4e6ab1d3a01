import type { Position } from "./finding.ts";

/** Where the declarations of one text stand. The importer of the language gives no positions. */
export interface Declarations {
  readonly model: Position;
  /** Each `type` and `extend type` line, in order; names may repeat. */
  readonly types: readonly TypeDeclaration[];
  readonly conditions: ReadonlyMap<string, Position>;
}

export interface TypeDeclaration {
  readonly name: string;
  readonly extending: boolean;
  readonly position: Position;
  readonly relations: ReadonlyMap<string, Position>;
}

/** Finds the declarations line by line, comments and bodies of conditions left out. */
export function scanDeclarations(text: string, file?: string): Declarations {
  const place = (line: number, column: number): Position => ({
    ...(file === undefined ? {} : { file }),
    line,
    column,
  });
  const types: (TypeDeclaration & { relations: Map<string, Position> })[] = [];
  const conditions = new Map<string, Position>();
  let depth = 0;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = withoutComment(raw);
    if (depth > 0) {
      depth += braces(line);
      continue;
    }
    const match = declaration.exec(line);
    const [, before, keyword, name] = match ?? [];
    if (before === undefined || keyword === undefined || name === undefined) continue;
    const position = place(index + 1, before.length + 1);
    if (keyword === "define") {
      const { relations } = types.at(-1) ?? {};
      if (relations?.has(name) === false) relations.set(name, position);
    } else if (keyword === "condition") {
      if (!conditions.has(name)) conditions.set(name, position);
      depth = braces(line);
    } else {
      const extending = keyword.startsWith("extend");
      types.push({ name, extending, position, relations: new Map() });
    }
  }
  return { model: place(1, 1), types, conditions };
}

/** Deepest nesting of round, square and curly brackets outside of strings and comments. */
export function nestingOf(text: string): { readonly depth: number; readonly line: number } {
  let depth = 0;
  let deepest = { depth: 0, line: 1 };
  for (const [index, raw] of text.split("\n").entries()) {
    for (const character of withoutStrings(withoutComment(raw))) {
      if ("([{".includes(character)) depth += 1;
      else if (")]}".includes(character)) depth = Math.max(0, depth - 1);
      if (depth > deepest.depth) deepest = { depth, line: index + 1 };
    }
  }
  return deepest;
}

const declaration = /^(\s*(define|condition|extend\s+type|type)\s+)([^\s:(]+)/;

/** What the importer takes for a comment, so that both see the same text. */
function withoutComment(line: string): string {
  if (line.trimStart().startsWith("#")) return "";
  return (line.split(" #")[0] ?? "").trimEnd();
}

function withoutStrings(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, "");
}

function braces(line: string): number {
  let sum = 0;
  for (const character of withoutStrings(line)) {
    if (character === "{") sum += 1;
    else if (character === "}") sum -= 1;
  }
  return sum;
}
