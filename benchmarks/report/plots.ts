import { shares } from "../load/job.ts";
import { plotSvg } from "./plot.ts";
import type { Row } from "./row.ts";

/** How latencies are distributed at a fixed rate: undefined where none was measured. */
export function latencyPlot(rows: readonly Row[]): string | undefined {
  const atRate = rows.filter(({ name }) => name.includes(" a second"));
  if (atRate.length === 0) return undefined;
  return plotSvg({
    title: "Latency at a fixed rate, from when each request was due",
    x: {
      label: "share of requests that are faster",
      marks: [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999].map((value) => ({
        value,
        text: `${Number((value * 100).toFixed(2))} %`,
      })),
      // A nine more is a step more.
      scale: (share) => -Math.log10(1 - share),
    },
    y: { label: "µs", marks: decades(10, 1_000_000), scale: Math.log10 },
    series: atRate.map(({ name, latenciesUs = [] }) => ({
      name,
      points: shares.flatMap((share, at) => {
        const us = latenciesUs[at];
        return us === undefined || share < 0.1 ? [] : [[share, us] as const];
      }),
    })),
  });
}

/** What a request costs in graphs of different sizes. */
export function sizePlot(rows: readonly Row[]): string | undefined {
  const sized = rows.filter(
    ({ tuples, serverCpuUs }) => tuples !== undefined && serverCpuUs !== undefined,
  );
  if (sized.length < 2) return undefined;
  // A kind has the same name but for the number.
  const kinds = Map.groupBy(sized, ({ name }) => name.replace(/, [0-9,]+ tuples/, ""));
  const most = Math.max(...sized.map((row) => row.serverCpuUs?.median ?? 0));
  return plotSvg({
    title: "Cost of a request against the size of the graph",
    x: { label: "tuples", marks: decades(10_000, 10_000_000), scale: Math.log10 },
    y: { label: "server CPU, µs", marks: linear(most), scale: (value) => value },
    series: [...kinds].map(([name, all]) => ({
      name,
      points: all.map((row) => [row.tuples ?? 0, row.serverCpuUs?.median ?? 0] as const),
    })),
  });
}

function decades(from: number, to: number) {
  const marks: { readonly value: number; readonly text: string }[] = [];
  for (let value = from; value <= to; value *= 10) {
    marks.push({ value, text: value.toLocaleString("en") });
  }
  return marks;
}

function linear(most: number) {
  const step =
    10 ** Math.floor(Math.log10(most)) / (most / 10 ** Math.floor(Math.log10(most)) < 3 ? 2 : 1);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, at) => ({
    value: at * step,
    text: (at * step).toLocaleString("en"),
  }));
}
