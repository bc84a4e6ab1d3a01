import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import type { LogBase, LogPart } from "./log-part.ts";
import { numberOf, parseObject, textOf } from "./log-row.ts";
import { digestOfContent, type RevisionFacts, type RevisionSignature } from "./revision-digest.ts";

/** A part of the log as lines of JSON, one a row: what `partOfLine` reads. */
export function linesOfPart(part: LogPart): readonly string[] {
  switch (part.kind) {
    case "checkpoint":
      return [canonicalJson({ checkpoint: { ...part.signed } })];
    case "chain": {
      const { chain, headSeq, headHash, base } = part;
      return [
        canonicalJson({ chain: { base: { ...base }, hash: headHash, name: chain, seq: headSeq } }),
      ];
    }
    case "changes":
      return [canonicalJson({ changes: { base: { ...part.base }, head: part.head } })];
    case "live":
      return [
        canonicalJson({ live: part.model === undefined ? {} : { model: { ...part.model } } }),
      ];
    case "tuples":
      return [canonicalJson({ tuples: part.rows })];
    case "segment": {
      const { rows, hashes, chain } = part;
      if (rows === undefined) return [canonicalJson({ chain, unreadable: [...hashes] })];
      return rows.map((row, index) => {
        const hash = hashes[index] ?? "";
        // A row is its own text, so that its hash can be taken again.
        return parseObject(row) === undefined
          ? canonicalJson({ hash, text: row })
          : `{"hash":${JSON.stringify(hash)},"row":${row}}`;
      });
    }
    case "revision": {
      const { facts, digest, content, signed } = part;
      const kept = content === undefined ? {} : { content: { ...content } };
      const signature = signed === undefined ? {} : { signed: { ...signed } };
      return [canonicalJson({ change: { digest, facts: { ...facts }, ...kept, ...signature } })];
    }
  }
}

/** Reads the lines of an export, in order. Fails on a line that is none, naming it by its number. */
export class ExportReader {
  #chain = "";

  /** `undefined` where the line is nothing that `linesOfPart` wrote. */
  partOfLine(line: string): LogPart | undefined {
    const members = parseObject(line);
    if (members === undefined) return undefined;
    const { chain, checkpoint, changes, change, live, tuples, row, text, unreadable, hash } =
      members;
    if (isObject(checkpoint)) {
      const signed = {
        body: textOf(checkpoint, "body"),
        signature: textOf(checkpoint, "signature"),
      };
      return { kind: "checkpoint", signed };
    }
    if (isObject(chain)) {
      this.#chain = textOf(chain, "name");
      const headSeq = numberOf(chain, "seq") ?? -1;
      const headHash = textOf(chain, "hash");
      return { kind: "chain", chain: this.#chain, headSeq, headHash, base: baseOf(chain) };
    }
    if (isObject(changes)) {
      return { kind: "changes", base: baseOf(changes), head: numberOf(changes, "head") ?? 0 };
    }
    if (isObject(live)) return liveOf(live);
    if (Array.isArray(tuples)) return { kind: "tuples", rows: tuples.filter(isList) };
    if (isObject(change)) return revisionOf(change);
    if (typeof hash === "string" && isObject(row)) {
      const firstSeq = numberOf(row, "seq") ?? 0;
      const rows = [canonicalJson(row)];
      return { kind: "segment", chain: this.#chain, firstSeq, rows, hashes: [hash] };
    }
    if (typeof hash === "string" && typeof text === "string") {
      return { kind: "segment", chain: this.#chain, firstSeq: 0, rows: [text], hashes: [hash] };
    }
    if (Array.isArray(unreadable)) {
      const hashes = unreadable.filter((one) => typeof one === "string");
      return { kind: "segment", chain: this.#chain, firstSeq: 0, rows: undefined, hashes };
    }
    return undefined;
  }
}

function revisionOf(change: JsonObject): LogPart | undefined {
  const facts = change["facts"];
  if (!isObject(facts)) return undefined;
  return {
    kind: "revision",
    facts: factsOf(facts),
    digest: textOf(change, "digest"),
    ...contentOf(change["content"], facts),
    ...signedOf(change["signed"]),
  };
}

function signedOf(signed: Json | undefined): { readonly signed?: RevisionSignature } {
  if (!isObject(signed)) return {};
  const count = numberOf(signed, "count") ?? 0;
  return { signed: { count, signature: textOf(signed, "signature") } };
}

/** What a revision changed, hashed again; nothing where it is not given or nothing was written to compare. */
export function contentOf(
  content: Json | undefined,
  facts: JsonObject,
): { readonly contentDigest?: string } {
  if (!isObject(content) || textOf(facts, "contentDigest") === "") return {};
  const list = (name: string): readonly Json[] => {
    const value = content[name];
    return Array.isArray(value) ? value : [];
  };
  const parts = { created: list("created"), deleted: list("deleted"), records: list("records") };
  return { contentDigest: digestOfContent(parts) };
}

function baseOf({ base }: JsonObject): LogBase {
  if (!isObject(base)) return { seq: 0, hash: "" };
  return { seq: numberOf(base, "seq") ?? 0, hash: textOf(base, "hash") };
}

/** The facts as they were given: nothing is added, so that the digest covers what it covered. */
export function factsOf(facts: JsonObject): RevisionFacts {
  const nullable = (name: string): string | null =>
    facts[name] === null ? null : textOf(facts, name);
  return {
    tenant: textOf(facts, "tenant"),
    revision: numberOf(facts, "revision") ?? 0,
    committedAtMs: numberOf(facts, "committedAtMs") ?? 0,
    callerId: textOf(facts, "callerId"),
    operation: textOf(facts, "operation"),
    reason: textOf(facts, "reason"),
    modelId: nullable("modelId"),
    createdCount: numberOf(facts, "createdCount") ?? 0,
    deletedCount: numberOf(facts, "deletedCount") ?? 0,
    recordIds: nullable("recordIds"),
    contentDigest: textOf(facts, "contentDigest"),
    ...(facts["liveDigest"] === undefined ? {} : { liveDigest: textOf(facts, "liveDigest") }),
    ...(facts["signer"] === undefined ? {} : { signer: textOf(facts, "signer") }),
  };
}

function liveOf({ model }: JsonObject): LogPart {
  if (!isObject(model)) return { kind: "live" };
  const [id, sources, parsed] = [
    textOf(model, "id"),
    textOf(model, "sources"),
    textOf(model, "parsed"),
  ];
  return { kind: "live", model: { id, sources, parsed } };
}

function isList(value: Json): value is Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is JsonObject {
  return value !== undefined && isJsonObject(value);
}
