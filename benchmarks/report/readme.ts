import { relationRow } from "../questions/relation.ts";
import type { Circumstances } from "./machine.ts";
import { sizePlot } from "./plots.ts";
import type { Row } from "./row.ts";
import { circumstancesText, figureText, latencyAt } from "./table.ts";

const head = [
  "| server CPU, µs | bare server | Prokura | SpiceDB, in its process |",
  "|---|---|---|---|",
];
const latencyHead = ["| latency, µs | p50 | p99 | p99.9 |", "|---|---|---|---|"];
const image =
  "![Cost of a request against the size of the graph](benchmarks/results/published-size.svg)";
const floor = "floor: node:http2, 4 × 32";

/** Rows of the first table: what is asked, and in which rows the floor, we and the peer are. */
const costs: readonly (readonly [label: string, floor: string, ours: string, peer: string])[] = [
  ["`Check`, delegated, one link, 4 connections × 32", floor, "Check, 4 × 32", ""],
  ["the same, each decided anew (`--verdicts-max 0`)", floor, "Check, 4 × 32, none kept", ""],
  ["the same, 64 connections × 1", "floor: node:http2, 64 × 1", "Check, 64 × 1", ""],
  ["`Check`, 4 links, each with a condition", "", "Check, 4 links, each with a condition", ""],
  [
    "`CheckRelation`, direct",
    floor,
    relationRow("direct", "ours"),
    relationRow("direct", "spicedb"),
  ],
  [
    "`CheckRelation`, three groups deep",
    floor,
    relationRow("nested", "ours"),
    relationRow("nested", "spicedb"),
  ],
  ["`BatchCheck`, 100 a message, each", "", "BatchCheck 100", ""],
  ["the same, each decided anew", "", "BatchCheck 100, none kept", ""],
  ["`StreamCheck`, one a message", "", "StreamCheck, one a message", ""],
  ["`Check` over Connect, in JSON", "floor: node:http, JSON, 32 × 1", "Connect JSON, 32 × 1", ""],
  ["`Check` in a graph of 1,000,000 tuples", "", "Check, 1,000,000 tuples, 4 × 32", ""],
];

const latencies: readonly (readonly [label: string, row: string])[] = [
  ["bare `node:http2`, one caller", "floor: node:http2, one caller"],
  ["`Check`, one caller", "Check, one caller"],
  ["`Check`, 1,000 a second, from when each was due", "Check, 1,000 a second"],
  ["`Check` of what is not in memory", "Check of what is not in memory, one caller"],
  ["`Delegate`, one caller", "Delegate, one caller"],
  ["`Revoke`, one caller, until it is enforced", "Revoke, one caller"],
  ["`Revoke` among 95 % checks and 4 % writes", "mixed load, 1,000,000 tuples: Revoke in it"],
];

/** What the README says of a run. What was not measured has no row. */
export function readmeSection(taken: Circumstances, rows: readonly Row[]): string {
  const byName = new Map(rows.map((row) => [row.name, row]));
  const cpu = (name: string): string => figureText(byName.get(name)?.serverCpuUs?.median);
  const costLines = costs
    .filter(([, , ours]) => byName.has(ours))
    .map(
      ([label, low, ours, peer]) => `| ${[label, cpu(low), cpu(ours), cpu(peer)].join(" | ")} |`,
    );
  const latencyLines = latencies
    .filter(([, name]) => byName.has(name))
    .map(([label, name]) => {
      const at = (share: number): string => figureText(latencyAt(byName.get(name), share));
      return `| ${[label, at(0.5), at(0.99), at(0.999)].join(" | ")} |`;
    });
  return [
    circumstancesText(taken),
    "",
    ...head,
    ...costLines,
    "",
    ...(latencyLines.length === 0 ? [] : [...latencyHead, ...latencyLines, ""]),
    ...(sizePlot(rows) === undefined ? [] : [image, ""]),
  ].join("\n");
}
