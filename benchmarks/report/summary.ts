import { evaluationRow } from "../questions/evaluation.ts";
import { memoryRow } from "../questions/memory.ts";
import { relationRow } from "../questions/relation.ts";
import type { Row } from "./row.ts";
import { latencyAt } from "./table.ts";

/** The figures by which one run is held against another; ratios are ours ÷ theirs. Null: not measured. */
export function summaryOf(rows: readonly Row[]): Readonly<Record<string, number | null>> {
  const byName = new Map(rows.map((row) => [row.name, row]));
  const cpu = (name: string): number | undefined => byName.get(name)?.serverCpuUs?.median;
  const ratio = (kind: "direct" | "nested"): number | undefined => {
    const ours = cpu(relationRow(kind, "ours"));
    const theirs = cpu(relationRow(kind, "spicedb"));
    return ours === undefined || theirs === undefined ? undefined : ours / theirs;
  };
  return {
    check_cpu_us: rounded(cpu("Check, 4 × 32")),
    floor_cpu_us: rounded(cpu("floor: node:http2, 4 × 32")),
    direct_vs_spicedb: rounded(ratio("direct"), 1000),
    nested_vs_spicedb: rounded(ratio("nested"), 1000),
    batch100_cpu_us: rounded(cpu("BatchCheck 100")),
    stream_cpu_us: rounded(cpu("StreamCheck, one a message")),
    eval_us: rounded(cpu(evaluationRow)),
    p50_us: rounded(latencyAt(byName.get("Check, one caller"), 0.5)),
    // By hand: `benchmarks/large.bench.ts`.
    flatness_10m: null,
    check_none_kept_cpu_us: rounded(cpu("Check, 4 × 32, none kept")),
    batch100_none_kept_cpu_us: rounded(cpu("BatchCheck 100, none kept")),
    connect_cpu_us: rounded(cpu("Connect JSON, 32 × 1")),
    bytes_per_tuple: rounded(byName.get(memoryRow)?.bytes?.median),
  };
}

function rounded(value: number | undefined, parts = 100): number | null {
  return value === undefined || Number.isNaN(value) ? null : Math.round(value * parts) / parts;
}
