import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Loading } from "../memory.ts";
import type { Question, Topic } from "../question.ts";

const tuplesOf: Readonly<Record<Loading, number>> = {
  objects: 1_000_000,
  both: 1_000_000,
  // Those that wait to be asked for are objects themselves, and many of them.
  checks: 200_000,
};
const trialTuples = 10_000;

const labels: Readonly<Record<Loading, string>> = {
  objects: "a tuple held, objects whole",
  both: "a tuple held, objects whole and in reverse",
  checks: "a tuple held, as checks asked for it",
};

/** The row that counts as the memory of a tuple. */
export const memoryRow: string = labels.objects;

/** What the replica keeps for each tuple of an organisation's graph. */
export const memory: Topic = {
  name: "memory",
  preparationSeconds: 0,
  questions: 3,
  prepare({ extent, withOthers }) {
    const loadings: readonly Loading[] =
      extent === "full" ? ["objects", "both", "checks"] : ["objects"];
    const questions = loadings.map((loading) =>
      question(loading, extent === "trial" ? trialTuples : tuplesOf[loading]),
    );
    // Of this code, not of the commits that are compared.
    return Promise.resolve(withOthers ? questions : []);
  },
};

function question(loading: Loading, tuples: number): Question {
  const name = labels[loading];
  const program = fileURLToPath(new URL("./memory-process.ts", import.meta.url));
  return {
    name,
    async measure({ round }) {
      // It is the same each time.
      if (round > 0) return [];
      const args = [program, `--tuples=${tuples}`, `--loading=${loading}`];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const found: unknown = JSON.parse(stdout);
      const figure = (key: string): number => Number(Reflect.get(Object(found), key));
      const bytes = figure("bytesPerTuple");
      if (Number.isNaN(bytes)) throw new Error(`no memory was measured: ${stdout}`);
      const pageBytes = (bytes * figure("tuples")) / figure("pages");
      return [
        { name, unit: "tuple", bytes },
        { name: name.replace("tuple", "page"), unit: "page", bytes: pageBytes },
      ];
    },
  };
}
