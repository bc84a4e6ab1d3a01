import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { commands } from "../../src/cli/commands.ts";
import { memoryTerminal, run } from "./memory-terminal.ts";

suite("runCli", () => {
  test("shows every command in the overview", async () => {
    const { exitCode, output } = await run(["--help"]);
    assert.equal(exitCode, 0);
    for (const { words, summary } of commands) {
      assert.match(output, new RegExp(`^  ${words} +${summary.slice(0, 20)}`, "m"));
    }
    assert.match(output, /^ {2}serve /m);
    assert.deepEqual(await run([]), await run(["help"]));
  });

  test("shows a group of commands by its first word", async () => {
    const { output } = await run(["tuple", "--help"]);
    assert.match(output, /^ {2}tuple import/m);
    assert.doesNotMatch(output, /^ {2}check/m);
  });

  test("ends with 2 on an unknown command, and says what was meant", async () => {
    const ran = await run(["chekc"]);
    assert.equal(ran.exitCode, 2);
    assert.equal(ran.output, "");
    assert.match(ran.errors, /no command `chekc`.*\nhint: did you mean `prokura check`\?/);
    for (const words of [["export"], ["export", "--help"], ["help", "export"]]) {
      const half = await run(words);
      assert.equal(half.exitCode, 2);
      assert.match(
        half.errors,
        /no command `export`.*\nhint: did you mean `prokura tuple export` or `prokura log export`\?/,
      );
    }
    assert.deepEqual(await run(["help", "serve"]), await run(["help"]));
    assert.match((await run(["tuple", "wirte"])).errors, /one of: tuple write, tuple read/);
  });

  test("ends with 2 on a wrong flag, and says where the help is", async () => {
    const ran = await run(["check", "--principal", "alice"]);
    assert.equal(ran.exitCode, 2);
    assert.match(ran.errors, /--principal must read type:id, got `alice`/);
    assert.match(ran.errors, /hint: see `prokura check --help`/);
  });

  test("ends with 2 where no server answers, and says how to start one", async () => {
    // Port 9 is `discard`: nothing listens there.
    const ran = await run(["nodes", "--address", "127.0.0.1:9"]);
    assert.equal(ran.exitCode, 2);
    assert.equal(ran.output, "");
    assert.match(
      ran.errors,
      /^error: no server answers: .*127\.0\.0\.1:9 \(not_serving\)\nhint: .*`prokura serve`/,
    );
  });

  test("says errors in JSON where JSON is asked for", async () => {
    const ran = await run(["nodes", "--address", "127.0.0.1:9", "--json"]);
    assert.equal(JSON.parse(ran.errors).error.code, "not_serving");
  });

  test("says its version", async () => {
    assert.match((await run(["--version"])).output, /^prokura \d+\.\d+\.\d+\n$/);
  });
});

suite("the table of commands", () => {
  test("has every command once", () => {
    const words = commands.map((command) => command.words);
    assert.deepEqual(words, [...new Set(words)]);
  });

  for (const { words, flags, examples, prepare } of commands) {
    test(`${words}: its help names each flag, which has a name of its own and a meaning`, async () => {
      const { exitCode, output } = await run([...words.split(" "), "--help"]);
      assert.equal(exitCode, 0);
      const names = flags.map(({ name }) => name);
      assert.deepEqual(names, [...new Set(names)]);
      for (const { name, meaning } of flags) {
        assert.notEqual(meaning, "");
        assert.ok(output.includes(`--${name}`), name);
      }
    });

    test(`${words}: its examples are read as they stand`, () => {
      let read = 0;
      for (const example of examples) {
        for (const line of example.split(/ \| prokura /)) {
          const [first = "", second = "", ...rest] = wordsOf(line);
          if (!`${first} ${second}`.startsWith(words) && words.includes(" ")) continue;
          const argv = words.includes(" ") ? rest : [second, ...rest].filter((one) => one !== "");
          prepare(argv, memoryTerminal());
          read += 1;
        }
      }
      assert.ok(read >= examples.length && read > 0);
    });
  }
});

/** As a shell takes a line apart: quotes keep blanks, a redirection is not the command's. */
function wordsOf(line: string): readonly string[] {
  const [command = ""] = line.replaceAll("\\\n", " ").split(" > ");
  return [...command.matchAll(/(?:'[^']*'|"(?:[^"\\]|\\.)*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"/g, (_quoted, single, double) => single ?? double),
  );
}
