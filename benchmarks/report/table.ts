import { shares } from "../load/job.ts";
import type { Circumstances } from "./machine.ts";
import type { Figure, Row } from "./row.ts";

const head = [
  "| question | of one | server CPU µs | spread | generator CPU µs | a second | p50 µs | p99 µs | p99.9 µs | bytes |",
  "|---|---|---|---|---|---|---|---|---|---|",
];

/** A Markdown table of each topic. */
export function tables(rows: readonly Row[]): string {
  const topics = Map.groupBy(rows, ({ topic }) => topic);
  return [...topics]
    .map(([topic, all]) => `### ${topic}\n\n${[...head, ...all.map(lineOf)].join("\n")}\n`)
    .join("\n");
}

export function circumstancesText(taken: Circumstances): string {
  const { takenAt, commit, machine, node, loadAverage } = taken;
  return `${takenAt.slice(0, 16)}Z, commit ${commit}, ${machine}, Node ${node}, load average ${loadAverage} before.`;
}

export function latencyAt(row: Row | undefined, share: number): number | undefined {
  return row?.latenciesUs?.[shares.indexOf(share)];
}

/** As many digits as mean something. */
export function figureText(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "";
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function lineOf(row: Row): string {
  const cells = [
    row.name,
    row.unit,
    figureText(row.serverCpuUs?.median),
    spreadText(row.serverCpuUs),
    figureText(row.clientCpuUs?.median),
    figureText(row.perSecond?.median),
    ...[0.5, 0.99, 0.999].map((share) => figureText(latencyAt(row, share))),
    figureText(row.bytes?.median),
  ];
  return `| ${cells.join(" | ")} |`;
}

function spreadText(figure: Figure | undefined): string {
  if (figure === undefined || figure.min === figure.max) return "";
  return `${figureText(figure.min)}–${figureText(figure.max)}`;
}
