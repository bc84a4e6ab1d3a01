import { dirname, join } from "node:path";
import type { RelationTuple } from "../core/tuple.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import { modelRejected } from "../model/finding.ts";
import { readModel } from "../model/read-model.ts";
import { parseStoreTest, parseTupleFile, type StoreTest } from "../model/store-test.ts";
import { command, type Command } from "./command.ts";
import { explanationBranch } from "./explanation.ts";
import { readWhole } from "./file-text.ts";
import { toggle } from "./flag.ts";
import { readModelFiles } from "./model-files.ts";
import { paintFor, type Paint } from "./paint.ts";
import { runCase, type AssertionResult } from "./store-test-run.ts";
import { printable, type Terminal } from "./terminal.ts";
import { drawTree } from "./tree.ts";

/** `prokura model test` */
export const testModel: Command = command({
  words: "model test",
  summary: "run the tests of a model, without a server",
  detail:
    "Takes test files of OpenFGA's command line (`.fga.yaml`), and whole delegated calls in them under\n" +
    "`call`. Ends with 1 where a test fails.",
  operands: { shown: "FILE...", meaning: "test files", min: 1, max: 1000 },
  flags: {
    explain: toggle("explain", "show how each wrong answer came about"),
    json: toggle("json", "print JSON for programs"),
  },
  examples: ["model test schema/models/stock.fga.yaml", "model test models/*.fga.yaml --explain"],
  async run({ explain, json }, paths, terminal) {
    const paint = paintFor(terminal, "output");
    const files: FileResults[] = [];
    for (const path of paths) {
      const results = await runFile(path, terminal);
      files.push({ path, results });
      if (!json) await print(terminal, describeFile({ path, results }, explain, paint));
    }
    const all = files.flatMap(({ results }) => results);
    const failed = all.filter(({ passed }) => !passed).length;
    if (json)
      await print(terminal, [JSON.stringify({ passed: all.length - failed, failed, files })]);
    else await print(terminal, [summary(all.length, failed, paint)]);
    return failed === 0 ? "yes" : "no";
  },
});

interface FileResults {
  readonly path: string;
  readonly results: readonly AssertionResult[];
}

async function runFile(path: string, terminal: Terminal): Promise<readonly AssertionResult[]> {
  const test = parseStoreTest(await readWhole(path, terminal));
  const beside = (name: string): string => join(dirname(path), name);
  const model = await modelOf(test, beside, terminal);
  const tuplesOf = async (names: readonly string[]): Promise<readonly RelationTuple[]> => {
    const texts: RelationTuple[] = [];
    for (const name of names)
      texts.push(...parseTupleFile(await readWhole(beside(name), terminal)));
    return texts;
  };
  const shared = [...test.tuples, ...(await tuplesOf(test.tupleFiles))];
  const results: AssertionResult[] = [];
  const now = Date.now();
  for (const each of test.cases) {
    const tuples = [...shared, ...each.tuples, ...(await tuplesOf(each.tupleFiles))];
    results.push(...runCase(model, tuples, each, now));
  }
  return results;
}

async function modelOf(
  test: StoreTest,
  beside: (name: string) => string,
  terminal: Terminal,
): Promise<AuthorizationModel> {
  const files =
    test.model.kind === "text"
      ? [{ name: "model.fga", text: test.model.text }]
      : await readModelFiles([beside(test.model.name)], terminal);
  const checked = await readModel(files);
  if (checked.kind === "refused") throw modelRejected(checked.findings);
  return checked.model;
}

function describeFile(
  { path, results }: FileResults,
  explain: boolean,
  paint: Paint,
): readonly string[] {
  const failures = results.filter(({ passed }) => !passed);
  const mark = failures.length === 0 ? paint.good("✓") : paint.bad("✗");
  return [
    `${mark} ${path}: ${results.length - failures.length} of ${results.length} as expected`,
    ...failures.flatMap(({ case: name, question, expected, got, explanation }) => [
      `  ${paint.bad("✗")} ${name === "" ? "" : `${paint.strong(name)}: `}${question}`,
      `      expected ${expected}`,
      `      got      ${got}`,
      ...(explain && explanation !== undefined
        ? drawTree(explanationBranch(explanation, paint)).map((line) => `      ${line}`)
        : []),
    ]),
  ];
}

function summary(count: number, failed: number, paint: Paint): string {
  return failed === 0
    ? paint.good(`all ${count} as expected`)
    : paint.bad(`${failed} of ${count} not as expected`);
}

async function print({ output }: Terminal, lines: readonly string[]): Promise<void> {
  for (const line of lines) await output.write(`${printable(line)}\n`);
}
