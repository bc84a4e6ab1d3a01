import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shares } from "../load/job.ts";
import type { Circumstances } from "./machine.ts";
import { latencyPlot, sizePlot } from "./plots.ts";
import { readmeSection } from "./readme.ts";
import type { Row } from "./row.ts";
import { circumstancesText, tables } from "./table.ts";

/** What one run found. */
export interface Report {
  readonly taken: Circumstances;
  readonly extent: string;
  readonly rows: readonly Row[];
  readonly summary: Readonly<Record<string, number | null>>;
}

/** Writes JSON, a table and plots under the name into the folder. */
export async function writeReport(folder: string, name: string, report: Report): Promise<void> {
  const { taken, rows, summary } = report;
  await mkdir(folder, { recursive: true });
  const write = (ending: string, text: string | undefined): Promise<void> =>
    text === undefined ? Promise.resolve() : writeFile(join(folder, `${name}${ending}`), text);
  const table = `# Benchmarks\n\n${circumstancesText(taken)}\n\n${tables(rows)}`;
  await write(".json", `${JSON.stringify({ ...report, latencyShares: shares }, significant, 1)}\n`);
  await write(".md", `${table}\n\`\`\`json\n${JSON.stringify(summary)}\n\`\`\`\n`);
  await write("-latency.svg", latencyPlot(rows));
  await write("-size.svg", sizePlot(rows));
}

/** Four digits are more than any of it means. */
function significant(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}

const begin = "<!-- benchmarks -->\n";
const end = "<!-- /benchmarks -->";

/** Puts the figures in the place of the README's earlier ones. */
export async function publishReadme(root: string, report: Report): Promise<void> {
  const path = join(root, "README.md");
  const text = await readFile(path, "utf8");
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error("the README has no place for figures");
  const section = readmeSection(report.taken, report.rows);
  await writeFile(path, `${text.slice(0, from + begin.length)}${section}${text.slice(to)}`);
}
