import type { Measured } from "../question.ts";

/** One line of the table: what the rounds measured. */
export interface Row {
  readonly topic: string;
  readonly name: string;
  readonly unit: string;
  readonly rounds: number;
  readonly serverCpuUs?: Figure;
  readonly clientCpuUs?: Figure;
  readonly perSecond?: Figure;
  readonly bytes?: Figure;
  /** The median of the rounds at each of `shares`. */
  readonly latenciesUs?: readonly number[];
  readonly tuples?: number;
}

/** Median and extremes of the rounds. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** All of one name are the rounds of one row. */
export function rowsOf(topic: string, measured: readonly Measured[]): readonly Row[] {
  const byName = Map.groupBy(measured, ({ name }) => name);
  return [...byName.values()].flatMap((rounds) => rowOf(topic, rounds));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

function rowOf(topic: string, rounds: readonly Measured[]): readonly Row[] {
  const [first] = rounds;
  if (first === undefined) return [];
  const serverCpuUs = figureOf(rounds.map((round) => round.serverCpuUs));
  const clientCpuUs = figureOf(rounds.map((round) => round.clientCpuUs));
  const perSecond = figureOf(rounds.map((round) => round.perSecond));
  const bytes = figureOf(rounds.map((round) => round.bytes));
  const { name, unit, latenciesUs, tuples } = first;
  return [
    {
      topic,
      name,
      unit,
      rounds: rounds.length,
      ...(serverCpuUs === undefined ? {} : { serverCpuUs }),
      ...(clientCpuUs === undefined ? {} : { clientCpuUs }),
      ...(perSecond === undefined ? {} : { perSecond }),
      ...(bytes === undefined ? {} : { bytes }),
      ...(latenciesUs === undefined
        ? {}
        : {
            latenciesUs: latenciesUs.map((_, at) =>
              median(rounds.map((round) => round.latenciesUs?.[at] ?? Number.NaN)),
            ),
          }),
      ...(tuples === undefined ? {} : { tuples }),
    },
  ];
}

function figureOf(values: readonly (number | undefined)[]): Figure | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0) return undefined;
  return { median: median(known), min: Math.min(...known), max: Math.max(...known) };
}
