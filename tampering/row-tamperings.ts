import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../src/core/json.ts";
import { parseObject } from "../src/audit/log-row.ts";
import type { Segment } from "./log-copy.ts";
import { longest, onRows, rowWith, type Tampering } from "./tampering.ts";

/** Every member of rows of every kind, and rows that go, come, move or come twice. */
export function rowTamperings(): readonly Tampering[] {
  const inRows = [
    ...eachMember("decision", ['"verdict":"allowed"', '"context_hash"']),
    ...eachMember("denial", ['"verdict":"denied"', '"reason"']),
    ...eachMember("boot", ['"kind":"boot"', '"seq":1,']),
    ...eachMember("binding of changes", ['"kind":"changes"']),
    ...eachMember("stop", ['"kind":"stop"']),
  ];
  const changes: readonly (readonly [string, (segments: Segment[]) => void])[] = [
    ["a denial made an ALLOWED", (segments) => edit(segments, '"verdict":"denied"', allow)],
    ["a row removed from the start", (segments) => drop(segments.slice(0, 1), 0)],
    ["a row removed from the middle", (segments) => drop([longest(segments)], 2)],
    ["a row removed from the end", (segments) => drop(segments.slice(-1), -1)],
    ["two rows swapped", (segments) => swap(longest(segments))],
    ["a row written twice", (segments) => twice(longest(segments))],
    ["the boot row of a restart removed", dropRestart],
    ["a row of another node in the place of one's own", foreign],
  ];
  return [
    ...inRows,
    ...changes.flatMap(([name, change]) => [
      onRows(name, "one", change, "leave"),
      onRows(name, "one", change, "relink"),
    ]),
    onRows("rows of two segments exchanged", "one", exchange, "leave"),
    onRows("white space in a row", "one", space, "relink"),
  ];
}

function eachMember(kind: string, needles: readonly string[]): readonly Tampering[] {
  const names = memberNames[kind] ?? [];
  return names.map((name) =>
    onRows(
      `${name} of a ${kind} altered`,
      "one",
      (segments) => {
        const { segment, index, text } = rowWith(segments, ...needles);
        const members = parseObject(text) ?? {};
        if (members[name] === undefined) throw new Error(`a ${kind} has no ${name}`);
        segment.rows[index] = canonicalJson({ ...members, [name]: altered(members[name] ?? null) });
      },
      "leave",
    ),
  );
}

const memberNames: Readonly<Record<string, readonly string[]>> = {
  decision: [
    "accesses",
    "actors",
    "at",
    "caller",
    "chain",
    "context",
    "context_hash",
    "decision",
    "delegations",
    "kind",
    "latency_us",
    "model",
    "principal",
    "revision",
    "seq",
    "tenant",
    "timeline",
    "tool",
    "verdict",
  ],
  denial: ["reason"],
  boot: ["after", "boot", "node"],
  "binding of changes": ["digest", "revision"],
  stop: ["boot"],
};

function altered(value: Json): Json {
  if (typeof value === "string") return value === "allowed" ? "denied" : `${value}x`;
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (Array.isArray(value)) return value.slice(1);
  return isJsonObject(value) ? { ...value, more: 1 } : 1;
}

function edit(segments: Segment[], needle: string, change: (row: JsonObject) => JsonObject): void {
  const { segment, index, text } = rowWith(segments, needle);
  segment.rows[index] = canonicalJson(change(parseObject(text) ?? {}));
}

function allow(row: JsonObject): JsonObject {
  const kept = Object.entries(row).filter(([name]) => name !== "reason");
  return { ...Object.fromEntries(kept), verdict: "allowed" };
}

function drop(segments: readonly Segment[], at: number): void {
  for (const { rows, hashes } of segments) {
    rows.splice(at, 1);
    hashes.splice(at, 1);
  }
}

function swap({ rows, hashes }: Segment): void {
  for (const list of [rows, hashes]) list.splice(1, 2, list[2] ?? "", list[1] ?? "");
}

function twice({ rows, hashes }: Segment): void {
  for (const list of [rows, hashes]) list.splice(2, 0, list[1] ?? "");
}

function dropRestart(segments: Segment[]): void {
  const { segment, index } = rowWith(segments.slice(1), '"kind":"boot"');
  segment.rows.splice(index, 1);
  segment.hashes.splice(index, 1);
}

/** As the other node wrote it, but for the chain's name. */
function foreign(segments: Segment[]): void {
  const segment = longest(segments);
  segment.rows[1] = (segment.rows[1] ?? "").replace('"chain":"one"', '"chain":"two"');
}

function exchange(segments: Segment[]): void {
  const [first, , third] = segments;
  if (first === undefined || third === undefined) return;
  [first.rows, third.rows] = [third.rows, first.rows];
  [first.hashes, third.hashes] = [third.hashes, first.hashes];
}

function space(segments: Segment[]): void {
  const segment = longest(segments);
  segment.rows[1] = (segment.rows[1] ?? "").replace('"kind":', '"kind": ');
}
