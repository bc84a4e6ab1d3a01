import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import fc from "fast-check";
import { parseAccess, withRole } from "../../src/cli/access-text.ts";
import { parseContextPart, readContext } from "../../src/cli/context-text.ts";
import { readLines, readWhole } from "../../src/cli/file-text.ts";
import { consistencyOf } from "../../src/cli/freshness.ts";
import { nearest } from "../../src/cli/nearest.ts";
import { openProgress } from "../../src/cli/progress.ts";
import {
  formatDuration,
  formatTime,
  parseDurationText,
  parseTimeText,
} from "../../src/cli/time-text.ts";
import { filterOf } from "../../src/cli/tuple-filter.ts";
import { readTupleFile } from "../../src/cli/tuple-file.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseName, parseObjectText } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { formatTuple } from "../../src/core/tuple.ts";
import { memoryTerminal } from "./memory-terminal.ts";

const malformed = { code: "malformed" };

suite("times", () => {
  test("a time is read as it was written", () => {
    const ms = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(ms, (timeMs) => assert.equal(parseTimeText(formatTime(timeMs), "t"), timeMs)),
    );
  });

  test("what is finer than a millisecond is rounded down, before 1970 too", () => {
    assert.equal(parseTimeText("1970-01-01T00:00:00.0019Z", "t"), 1);
    assert.equal(parseTimeText("1969-12-31T23:59:59.9999Z", "t"), -1);
    assert.equal(parseTimeText("1970-01-01T01:00:00+01:00", "t"), 0);
  });

  test("a length of time is a sum of numbers with units", () => {
    assert.equal(parseDurationText("90s", "d"), 90_000);
    assert.equal(parseDurationText("1h30m", "d"), 5_400_000);
    assert.equal(parseDurationText("2w1d500ms", "d"), 15 * 86_400_000 + 500);
    for (const text of ["", "1", "h", "-1h", "1.5h", "0s", "1 h", "1y", "101w9999999d"]) {
      assert.throws(() => parseDurationText(text, "d"), malformed, text);
    }
  });

  test("a length of time is shown in the unit that says enough", () => {
    const shown = [4, 1_500, 90_000, 3_600_000, 86_400_000, 2_592_000_000].map(formatDuration);
    assert.deepEqual(shown, ["4 ms", "2 s", "90 s", "60 min", "24 h", "30 d"]);
  });
});

suite("contexts", () => {
  async function read(...texts: readonly string[]): Promise<JsonObject> {
    const terminal = memoryTerminal({ input: '{"from":"input"}' });
    return await readContext(
      texts.map((text) => parseContextPart(text, "--context")),
      terminal,
    );
  }

  test("a value is JSON where it reads as JSON, and text where it does not", async () => {
    const context = await read(
      "a=5",
      "b=true",
      'c="5"',
      "d=bob@example.com",
      'e=["x"]',
      "f=",
      "g=a=b",
    );
    const expected = { a: 5, b: true, c: "5", d: "bob@example.com", e: ["x"], f: "", g: "a=b" };
    assert.deepEqual(context, expected);
  });

  test("dots lead inwards, and what stands beside stays", async () => {
    const context = await read(
      '{"arguments":{"to":"eve","cc":"al"}}',
      "arguments.to=bob",
      "n.a.b=1",
    );
    assert.deepEqual(context, { arguments: { to: "bob", cc: "al" }, n: { a: { b: 1 } } });
  });

  test("a file is read where it is named, - being the standard input", async () => {
    assert.deepEqual(await read("a=1", "@-"), { a: 1, from: "input" });
  });

  test("a name that means something to JavaScript is a name like any other", async () => {
    const context = await read("__proto__.a=1", "constructor=2");
    assert.deepEqual(Object.keys(context), ["__proto__", "constructor"]);
    assert.equal(Object.getPrototypeOf(context), Object.prototype);
  });

  for (const text of ["a", "=1", "a.=1", ".a=1", "{"]) {
    test(`refuses ${text}`, () => {
      assert.throws(() => parseContextPart(text, "--context"), malformed);
    });
  }
});

suite("accesses", () => {
  const plan = parseObjectText("document:plan", "object");

  test("role, permission and context may stand around the resource", () => {
    assert.deepEqual(parseAccess("document:plan", "r"), { resource: plan, context: {} });
    assert.deepEqual(parseAccess('source=document:plan#viewer with {"size": 5}', "r"), {
      resource: plan,
      role: "source",
      permission: "viewer",
      context: { size: 5 },
    });
  });

  test("a = in the id is no role's", () => {
    assert.equal(parseAccess("file:a=b", "r").resource.id, "a=b");
    assert.equal(parseAccess("x=file:a=b", "r").resource.id, "a=b");
  });

  test("--role is for exactly one resource that has none", () => {
    const [access, other] = [
      parseAccess("document:plan", "r"),
      parseAccess("a=document:plan", "r"),
    ];
    assert.deepEqual(withRole([access], "source"), [{ ...access, role: "source" }]);
    for (const accesses of [[], [access, access], [other]]) {
      assert.throws(() => withRole(accesses, "source"), malformed);
    }
    assert.deepEqual(withRole([access, other], undefined), [access, other]);
  });
});

suite("filters", () => {
  const none = {
    object: undefined,
    objectType: undefined,
    relation: undefined,
    subject: undefined,
    subjectType: undefined,
  };

  test("no flag is no filter", () => {
    assert.equal(filterOf(none), undefined);
  });

  test("a subject is exactly that subject", () => {
    const filterFor = (text: string): unknown =>
      filterOf({ ...none, subject: parseSubjectText(text, "s") });
    const all = { objectType: "", objectId: "", relation: "" };
    const user = { ...all, subjectType: "user" };
    assert.deepEqual(filterFor("user:al"), { ...user, subjectId: "al", subjectRelation: "" });
    assert.deepEqual(filterFor("user:*"), { ...user, subjectId: "*", subjectRelation: "" });
    const group = { ...all, subjectType: "group", subjectId: "eng", subjectRelation: "member" };
    assert.deepEqual(filterFor("group:eng#member"), group);
  });

  test("an object and a type contradict each other", () => {
    const [object, objectType] = [parseObjectText("doc:1", "o"), parseName("doc", "t")];
    assert.throws(() => filterOf({ ...none, object, objectType }), malformed);
  });
});

suite("consistencyOf", () => {
  const none = { fresh: false, after: undefined, at: undefined };

  test("tells a token from a time", () => {
    assert.deepEqual(consistencyOf(none), {});
    const [token, time] = ["MSAw", "1970-01-01T00:00:01Z"].map((at) =>
      consistencyOf({ ...none, at }),
    );
    assert.match(JSON.stringify(token), /"case":"token","value":"MSAw"/);
    assert.equal(time?.mode?.case === "atExact" && time.mode.value.revision?.case, "instant");
  });

  test("takes one wish alone", () => {
    assert.throws(() => consistencyOf({ fresh: true, after: "x", at: undefined }), malformed);
  });
});

suite("files", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "cli-files-"));
  });
  after(() => rm(folder, { recursive: true }));

  async function linesOf(content: string | Uint8Array): Promise<readonly string[]> {
    const path = join(folder, "lines.txt");
    await writeFile(path, content);
    return await Array.fromAsync(readLines(path, memoryTerminal()));
  }

  test("lines end as on any system, the last one without an end too", async () => {
    assert.deepEqual(await linesOf("a\nb\r\n\nc"), ["a", "b", "", "c"]);
    assert.deepEqual(await linesOf(""), []);
  });

  test("a character that lies across two reads is one character", async () => {
    const text = "é".repeat(100_000);
    assert.deepEqual(await linesOf(`a${text}`), [`a${text}`]);
  });

  test("what is no UTF-8, and a line without an end, are refused", async () => {
    await assert.rejects(linesOf(Uint8Array.of(0x61, 0xff)), /is no UTF-8/);
    await assert.rejects(linesOf(Uint8Array.of(0x61, 0xc3)), /is no UTF-8/);
    await assert.rejects(linesOf("x".repeat(2 * 1024 * 1024)), /has a line of over/);
  });

  test("a file that cannot be read is said to be so", async () => {
    await assert.rejects(
      readWhole(join(folder, "none"), memoryTerminal()),
      /there is no such file/,
    );
    await assert.rejects(readWhole(folder, memoryTerminal()), malformed);
  });

  test("tuples have their line, comments and empty lines counted; a list has its positions", async () => {
    const [text, yaml] = [join(folder, "t.txt"), join(folder, "t.yaml")];
    await writeFile(text, "# tuples\n\ndoc:1#viewer@user:a # why\n  doc:2#viewer@user:a\n");
    await writeFile(yaml, "- {object: 'doc:1', relation: viewer, user: 'user:a'}\n");
    const read = async (path: string): Promise<readonly (readonly [number, string])[]> => {
      const placed = await Array.fromAsync(readTupleFile(path, memoryTerminal(), 0));
      return placed.map(({ line, tuple }) => [line, formatTuple(tuple)] as const);
    };
    assert.deepEqual(await read(text), [
      [3, "doc:1#viewer@user:a"],
      [4, "doc:2#viewer@user:a"],
    ]);
    assert.deepEqual(await read(yaml), [[1, "doc:1#viewer@user:a"]]);
  });
});

suite("openProgress", () => {
  test("redraws one line on a terminal, and writes plain lines elsewhere", async () => {
    for (const isTty of [true, false]) {
      const terminal = memoryTerminal({ isTty });
      const progress = openProgress(terminal.errors, "tuples read");
      await progress.advance(7);
      await progress.close();
      const shown = terminal.errorsWritten();
      assert.match(shown, /7 tuples read in \d+ ms\n$/);
      assert.equal(shown.includes("\u001b[2K"), isTty);
    }
  });
});

suite("nearest", () => {
  test("finds what was probably meant, and nothing where nothing is near", () => {
    const names = ["check", "explain", "revoke", "resume"];
    assert.equal(nearest("chekc", names), "check");
    assert.equal(nearest("rvoke", names), "revoke");
    assert.equal(nearest("list", names), undefined);
  });
});
