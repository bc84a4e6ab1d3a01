import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import type { RowPlace } from "./decision-row.ts";

/** What a node notes in its chain beside decisions. */
export type LogNote =
  /** The first row of every process: what stood there before is named again. */
  | { readonly kind: "boot"; readonly node: string; readonly boot: string; readonly after: string }
  /** The last row of a process that was told to stop. A boot that follows no stop follows a crash. */
  | { readonly kind: "stop"; readonly boot: string }
  /** Decisions that were not written because too many waited. */
  | { readonly kind: "dropped"; readonly count: number; readonly from: number; readonly to: number }
  /** The digest of the changes up to a revision, which this node wrote: it binds them to this chain. */
  | { readonly kind: "changes"; readonly revision: number; readonly digest: string }
  /** Rows and revisions from before this time are older than they are kept, and will be removed. */
  | { readonly kind: "retention"; readonly before: number }
  /** What was changed up to this time is older than it is kept, and will be removed. */
  | { readonly kind: "history"; readonly before: number };

/** A row that was read back: what every row has. The rest is in `members`, and not to be believed. */
export interface ReadRow {
  readonly place: RowPlace;
  readonly kind: string;
  readonly atMs: number;
  readonly members: JsonObject;
}

export function formatNote(note: LogNote, atMs: number, place: RowPlace): string {
  return canonicalJson({ ...note, ...place, at: atMs });
}

/** `undefined` where the text is no row, or not in its one canonical form. */
export function parseRow(text: string): ReadRow | undefined {
  const members = parseObject(text);
  if (members === undefined || canonicalJson(members) !== text) return undefined;
  const { tenant, chain, seq, kind, at } = members;
  if (typeof tenant !== "string" || typeof chain !== "string" || typeof kind !== "string") {
    return undefined;
  }
  if (typeof seq !== "number" || typeof at !== "number") return undefined;
  return { place: { tenant, chain, seq }, kind, atMs: at, members };
}

export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: Json = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // No JSON, and so no object.
    return undefined;
  }
}

/** A member that should be a text; empty where it is none. */
export function textOf(members: JsonObject, name: string): string {
  const value = members[name];
  return typeof value === "string" ? value : "";
}

/** A member that should be a number; `undefined` where it is none. */
export function numberOf(members: JsonObject, name: string): number | undefined {
  const value = members[name];
  return typeof value === "number" ? value : undefined;
}

/** A member that should be a list of texts; what is none is left out. */
export function textsOf(members: JsonObject, name: string): readonly string[] {
  const value = members[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
