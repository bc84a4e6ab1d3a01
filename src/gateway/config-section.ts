/** Says which entry of the configuration is wrong, by its path, and what is allowed there. */
export class ConfigError extends Error {
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = "ConfigError";
    this.path = path;
  }
}

/** One mapping of the configuration, read entry by entry. Every function throws a `ConfigError`. */
export interface Section {
  readonly path: string;
  has(name: string): boolean;
  text(name: string): string;
  optionalText(name: string): string | undefined;
  flag(name: string, otherwise: boolean): boolean;
  whole(name: string, otherwise: number, least: number, most: number): number;
  texts(name: string): readonly string[];
  /** A mapping that somebody else reads. */
  entries(name: string): Readonly<Record<string, unknown>>;
  /** A mapping from names of the user's own to text. */
  textMap(name: string): ReadonlyMap<string, string>;
  /** Where it is absent, an empty one: what it must contain is then missing. */
  section(name: string, known: readonly string[]): Section;
  sections(name: string, known: readonly string[]): readonly Section[];
  /** A mapping from names of the user's own to sections. */
  sectionMap(name: string, known: readonly string[]): ReadonlyMap<string, Section>;
}

/** Refuses entries that are not `known`: a misspelt rule must not be a rule less. */
export function readSection(value: unknown, path: string, known: readonly string[]): Section {
  const entries = mappingOf(value, path);
  const unknown = Object.keys(entries).find((name) => !known.includes(name));
  const pathOf = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (unknown !== undefined) {
    throw new ConfigError(pathOf(unknown), `is unknown; known are ${known.join(", ")}`);
  }
  const optionalText = (name: string): string | undefined =>
    entries[name] === undefined ? undefined : textOf(entries[name], pathOf(name));
  return {
    path,
    has: (name) => entries[name] !== undefined,
    text: (name) => textOf(entries[name], pathOf(name)),
    optionalText,
    flag: (name, otherwise) => flagOf(entries[name] ?? otherwise, pathOf(name)),
    whole: (name, otherwise, least, most) =>
      wholeOf(entries[name] ?? otherwise, pathOf(name), least, most),
    texts: (name) =>
      listOf(entries[name], pathOf(name)).map((item, index) =>
        textOf(item, `${pathOf(name)}[${index}]`),
      ),
    entries: (name) => mappingOf(entries[name] ?? {}, pathOf(name)),
    textMap: (name) =>
      new Map(
        Object.entries(mappingOf(entries[name] ?? {}, pathOf(name))).map(([key, item]) => [
          key,
          textOf(item, `${pathOf(name)}.${key}`),
        ]),
      ),
    section: (name, names) => readSection(entries[name] ?? {}, pathOf(name), names),
    sections: (name, names) =>
      listOf(entries[name], pathOf(name)).map((item, index) =>
        readSection(item, `${pathOf(name)}[${index}]`, names),
      ),
    sectionMap: (name, names) =>
      new Map(
        Object.entries(mappingOf(entries[name] ?? {}, pathOf(name))).map(([key, item]) => [
          key,
          readSection(item ?? {}, `${pathOf(name)}.${key}`, names),
        ]),
      ),
  };
}

function mappingOf(value: unknown, path: string): { readonly [name: string]: unknown } {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new ConfigError(path === "" ? "the configuration" : path, "must be a mapping");
}

function textOf(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new ConfigError(
    path,
    value === undefined ? "is missing" : "must be text that is not empty",
  );
}

function flagOf(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw new ConfigError(path, "must be true or false");
}

function wholeOf(value: unknown, path: string, least: number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new ConfigError(path, `must be a whole number from ${least} to ${most}`);
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new ConfigError(path, "must be a list");
}
