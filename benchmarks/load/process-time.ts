import { readdirSync, readFileSync } from "node:fs";

/** Processor time that each thread of a process, and of its workers, has had, in nanoseconds. */
export type ProcessTime = ReadonlyMap<string, number>;

/** Reads it from the scheduler, which counts more finely than in hundredths of a second. Linux only. */
export function readProcessTime(processId: number): ProcessTime {
  const folder = `/proc/${processId}/task`;
  const threads = readdirSync(folder);
  return new Map([
    ...threads.map((thread) => [thread, threadNs(`${folder}/${thread}`)] as const),
    ...threads.flatMap((thread) => childrenOf(`${folder}/${thread}`)).flatMap(timesOf),
  ]);
}

function timesOf(processId: number): readonly (readonly [string, number])[] {
  try {
    return [...readProcessTime(processId)];
  } catch {
    return []; // It ended meanwhile.
  }
}

/** None where the kernel does not tell. */
function childrenOf(folder: string): readonly number[] {
  try {
    return readFileSync(`${folder}/children`, "utf8")
      .trim()
      .split(/ +/)
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

/** In microseconds. What threads had that are gone by now is not in it. */
export function processTimeBetween(start: ProcessTime, end: ProcessTime): number {
  let spentNs = 0;
  for (const [thread, ns] of end) spentNs += ns - (start.get(thread) ?? 0);
  return spentNs / 1_000;
}

function threadNs(folder: string): number {
  try {
    return Number(readFileSync(`${folder}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    // The thread ended meanwhile.
    return 0;
  }
}
