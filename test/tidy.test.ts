import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { suite, test } from "node:test";

const linesMax = 400;
const copiedLinesMax = 12;
const bannedFile = /^(index|utils?|common|helpers?|types|misc|shared)\.ts$/;
const bannedFolder = /(^|\/)(utils?|common|helpers?|misc)\//;
// The brackets keep these patterns from finding themselves.
const openEnd = /\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/;
const machinePath = /(^|[^\w.])\/(work|farm|home|Users)\/[A-Za-z.]/;
const inheritance = /^\s*(export )?(abstract )?class \w+(<[^{]*>)? extends (?!Error\b)/;
const importStatement = /^import [^;]*;\n/gm;

const sources = read("src/**/*.ts").filter(({ path }) => !path.startsWith("src/gen/"));
const programs = [...sources, ...read("{test,benchmarks}/**/*.ts"), ...read("bin/*.js")];
const texts = [...programs, ...read("{proto,schema}/**/*.{proto,sql,fga,yaml}"), ...read("*.md")];

suite("tidy", () => {
  test("there is something to look at", () => {
    assert.ok(sources.length > 10 && programs.length > sources.length);
  });

  test(`no file is longer than ${linesMax} lines`, () => {
    refuse(programs, ({ text }) => text.split("\n").length > linesMax + 1);
  });

  test("files and folders are named by a noun of their own", () => {
    refuse(programs, ({ path }) => bannedFile.test(basename(path)) || bannedFolder.test(path));
  });

  test("nothing is left open, nothing names a path of one machine", () => {
    refuse(texts, ({ text }) => openEnd.test(text) || machinePath.test(text));
  });

  test("nothing inherits, but errors", () => {
    refuse(sources, ({ text }) => text.split("\n").some((line) => inheritance.test(line)));
  });

  test(`no ${copiedLinesMax} lines stand in two places`, () => {
    const places = new Map<string, string>();
    const copies = sources.flatMap(({ path, text }) =>
      blocks(text).map((block) => {
        const first = places.get(block);
        places.set(block, path);
        return first === undefined ? "" : `${first} and ${path}:\n${block}`;
      }),
    );
    assert.equal(
      copies.find((copy) => copy !== ""),
      undefined,
    );
  });
});

interface TextFile {
  readonly path: string;
  readonly text: string;
}

function read(pattern: string): readonly TextFile[] {
  const paths = globSync(pattern).filter((path) => !path.includes("node_modules/"));
  return paths.map((path) => ({ path, text: readFileSync(path, "utf8") }));
}

function refuse(files: readonly TextFile[], refused: (file: TextFile) => boolean): void {
  assert.deepEqual(
    files.filter(refused).map(({ path }) => path),
    [],
  );
}

/** Every run of `copiedLinesMax` lines, imports and empty lines left out. */
function blocks(text: string): readonly string[] {
  const lines = text
    .replace(importStatement, "")
    .split("\n")
    .map((line) => line.trim());
  const kept = lines.filter((line) => line !== "");
  const starts = kept.slice(copiedLinesMax - 1).keys();
  return [...starts].map((start) => kept.slice(start, start + copiedLinesMax).join("\n"));
}
