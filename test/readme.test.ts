import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { formatOptionTable } from "../src/config.ts";
import { reasons } from "../src/core/decision.ts";

const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");

suite("README", () => {
  test("its table of options is the server's own", () => {
    const [, between] = /<!-- options -->\n([^]*)<!-- \/options -->/.exec(readme) ?? [];
    assert.equal(between?.trim(), formatOptionTable().trim());
  });

  test("it explains every reason", () => {
    for (const reason of reasons) assert.ok(readme.includes(`| \`${reason}\` |`), reason);
  });

  test("its architecture takes at most eighty lines", () => {
    const [, section = ""] = /\n## Architecture\n([^]*?)\n## /.exec(readme) ?? [];
    const lines = section.split("\n").length;
    assert.ok(lines > 10 && lines <= 80, `${lines} lines`);
  });
});
