import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Bench, Question, Topic } from "../question.ts";

const rowNames = {
  authorizeDirectUs: "evaluation alone, delegated, one link",
  authorizeUs: "evaluation alone, delegated, one link, resource by folders and groups",
  authorizeTwoLinksUs: "evaluation alone, delegated, two links, resource by folders and groups",
  checkUs: "evaluation alone, CheckRelation by folders and groups",
} as const;

/** The row that counts as the evaluation. */
export const evaluationRow: string = rowNames.authorizeDirectUs;

/** What deciding costs without a socket, a message or a service around it. */
export const evaluation: Topic = {
  name: "evaluation",
  preparationSeconds: 0,
  questions: 3,
  prepare: (bench) => Promise.resolve([question(bench)]),
};

/** In a process that has done nothing else: what a compiler learned elsewhere would show. */
function question({ root, extent, withOthers }: Bench): Question {
  const program = join(root, "benchmarks", "evaluate.bench.ts");
  const only = extent === "quick" ? ["--only", "authorizeDirectUs"] : [];
  return {
    name: "evaluation",
    async measure({ round, seconds }) {
      // It is the steadiest of all, and each time it must get warm anew.
      if (extent === "quick" && withOthers && round > 0) return [];
      const args = [program, "--seconds", String(Math.min(seconds, 1)), ...only];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      const figures: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "null");
      return Object.entries(rowNames).flatMap(([key, name]) => {
        const found: unknown = Reflect.get(Object(figures), key);
        return typeof found === "number" ? [{ name, unit: "check", serverCpuUs: found }] : [];
      });
    },
  };
}
