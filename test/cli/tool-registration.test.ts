import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { suite, test } from "node:test";
import fc from "fast-check";
import { classifyTool, riskClasses, tierLadder } from "../../src/cli/risk-class.ts";
import { parseToolList, type ListedTool } from "../../src/cli/tool-list.ts";
import {
  ladderTuples,
  parseRequired,
  registerTool,
  type StoredTool,
} from "../../src/cli/tool-registration.ts";
import { formatTuple, parseTupleText } from "../../src/core/tuple.ts";
import { parseModel } from "../../src/model/parse-model.ts";
import { checkTuple } from "../../src/model/tuple-check.ts";

const corpus = new URL("../../../shared/corpus/mcp-tools/", import.meta.url);
const stock = parseModel(readFileSync("schema/models/stock.fga", "utf8"));
const nothing: StoredTool = { server: [], requires: [], eligible: [] };
const userOfServer = parseRequired([], []);

function readCorpus(name: string): readonly ListedTool[] {
  return parseToolList(readFileSync(new URL(name, corpus), "utf8"), name);
}

function countClasses(tools: readonly ListedTool[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { hints } of tools) {
    const { class: risk } = classifyTool(hints);
    counts[risk] = (counts[risk] ?? 0) + 1;
  }
  return counts;
}

suite("classifyTool", () => {
  test("takes a tool without hints for the worst", () => {
    assert.equal(classifyTool({}).class, "destructive-open");
  });

  test("says which hint was missing", () => {
    const { because } = classifyTool({ readOnlyHint: false, openWorldHint: false });
    assert.deepEqual(because, [
      "readOnlyHint false",
      "destructiveHint missing: worst case",
      "openWorldHint false",
    ]);
  });

  test("asks a tool that only reads for no more", () => {
    assert.equal(classifyTool({ readOnlyHint: true, openWorldHint: false }).class, "read");
    const contradictory = { readOnlyHint: true, destructiveHint: true, openWorldHint: false };
    assert.equal(classifyTool(contradictory).class, "read");
  });

  test("never finds a tool less harmful for a hint that is left out", () => {
    const hint = fc.boolean();
    const hints = fc.record({
      readOnlyHint: hint,
      destructiveHint: hint,
      idempotentHint: hint,
      openWorldHint: hint,
    });
    const names = fc.subarray([
      "readOnlyHint",
      "destructiveHint",
      "idempotentHint",
      "openWorldHint",
    ] as const);
    fc.assert(
      fc.property(hints, names, (whole, left) => {
        const partial = Object.fromEntries(
          Object.entries(whole).filter(([name]) => !left.some((one) => one === name)),
        );
        assert.ok(includes(classifyTool(partial).class, classifyTool(whole).class));
      }),
    );
  });
});

/** Whether whoever is in the greater tier is in the lesser, by the ladder. */
function includes(greater: string, lesser: string): boolean {
  if (greater === lesser) return true;
  return tierLadder.some(([below, above]) => above === greater && includes(below, lesser));
}

suite("registerTool", () => {
  const tool: ListedTool = { name: "send_mail", hints: { readOnlyHint: false } };

  test("stores server, requirement and tier, all of which the stock model takes", () => {
    const { tuples } = registerTool("gmail", tool, nothing, userOfServer, true);
    assert.deepEqual(tuples.map(formatTuple), [
      "tool:gmail/send_mail#server@mcp_server:gmail",
      "tool:gmail/send_mail#requires@permission:mcp_server/user",
      "tool:gmail/send_mail#eligible@tier:destructive-open#member",
    ]);
    for (const tuple of [...tuples, ...ladderTuples()])
      assert.equal(checkTuple(stock, tuple), undefined);
  });

  test("leaves what an administrator has decided as it stands", () => {
    const requires = [parseTupleText("tool:gmail/send_mail#requires@permission:none", "tuple")];
    const eligible = [parseTupleText("tool:gmail/send_mail#eligible@agent:mailbot", "tuple")];
    const server = [parseTupleText("tool:gmail/send_mail#server@mcp_server:gmail", "tuple")];
    const first = registerTool("gmail", tool, { ...nothing, requires }, userOfServer, true);
    assert.deepEqual(
      first.tuples.map(({ relation }) => relation),
      ["server", "eligible"],
    );
    assert.deepEqual(first.kept, { requires: ["permission:none"] });
    const second = registerTool("gmail", tool, { ...nothing, eligible }, userOfServer, true);
    assert.deepEqual(
      second.tuples.map(({ relation }) => relation),
      ["server", "requires"],
    );
    assert.deepEqual(second.kept, { eligible: ["agent:mailbot"] });
    const all = registerTool("gmail", tool, { server, requires, eligible }, userOfServer, true);
    assert.deepEqual(all.tuples, []);
  });

  test("refuses a tool that stands under another server, and a server with a slash", () => {
    const server = [parseTupleText("tool:gmail/send_mail#server@mcp_server:other", "tuple")];
    assert.throws(() => registerTool("gmail", tool, { ...nothing, server }, userOfServer, true), {
      code: "precondition_failed",
    });
    assert.throws(() => registerTool("a/b", tool, nothing, userOfServer, true), /no slash/);
  });

  test("asks for what --requires says, for one tool in place of all", () => {
    const tools = [tool, { name: "read", hints: {} }];
    const required = parseRequired(["mailbox/reader", "send_mail=mailbox/sender/from"], tools);
    const requiresOf = (one: ListedTool): readonly string[] =>
      registerTool("gmail", one, nothing, required, false).tuples.map(formatTuple).slice(1);
    assert.deepEqual(requiresOf(tool), [
      "tool:gmail/send_mail#requires@permission:mailbox/sender/from",
    ]);
    assert.deepEqual(tools.slice(1).flatMap(requiresOf), [
      "tool:gmail/read#requires@permission:mailbox/reader",
    ]);
    assert.throws(() => parseRequired(["sned_mail=mailbox/sender"], tools), /which is not listed/);
    assert.throws(() => parseRequired(["mailbox"], tools), { code: "malformed" });
  });
});

suite("parseToolList", () => {
  const tools = [{ name: "a", annotations: { readOnlyHint: true } }, { name: "b" }];

  test("reads a result, its tools alone, and the response around it", () => {
    const expected = [
      { name: "a", hints: { readOnlyHint: true } },
      { name: "b", hints: {} },
    ];
    for (const form of [tools, { tools }, { jsonrpc: "2.0", id: 1, result: { tools } }]) {
      assert.deepEqual(parseToolList(JSON.stringify(form), "f"), expected);
    }
  });

  const refused: Readonly<Record<string, unknown>> = {
    "no JSON": undefined,
    "no list": { tool: [] },
    "an error response": { jsonrpc: "2.0", id: 1, error: { code: 1 } },
    "a tool without a name": [{}],
    "a hint that is no boolean": [{ name: "a", annotations: { readOnlyHint: "true" } }],
    "one name twice": [{ name: "a" }, { name: "a" }],
    "one page of several": { tools, nextCursor: "x" },
  };
  for (const [why, value] of Object.entries(refused)) {
    test(`refuses ${why}`, () => {
      const text = value === undefined ? "{" : JSON.stringify(value);
      assert.throws(() => parseToolList(text, "f"), { code: "malformed" });
    });
  }
});

suite("the tools of real servers", { skip: existsSync(corpus) ? false : "no corpus here" }, () => {
  test("GitHub's: 25 of 59 writes say nothing of destruction, and count as destructive", () => {
    const tools = readCorpus("github/tools.json");
    assert.equal(tools.length, 117);
    const writes = tools.filter(({ hints }) => hints.readOnlyHint !== true);
    const silent = writes.filter(({ hints }) => hints.destructiveHint === undefined);
    assert.deepEqual([writes.length, silent.length], [59, 25]);
    assert.deepEqual(countClasses(silent), { "destructive-open": 25 });
    assert.deepEqual(countClasses(tools), {
      "read-open": 58,
      "write-open": 24,
      "destructive-open": 35,
    });
  });

  test("the file server's: those that overwrite are destructive, within their own world", () => {
    const counts = countClasses(readCorpus("filesystem.json"));
    assert.deepEqual(counts, { read: 10, write: 1, destructive: 3 });
  });

  test("each registers under the stock model", () => {
    for (const name of ["github/tools.json", "everything.json", "filesystem.json", "memory.json"]) {
      for (const tool of readCorpus(name)) {
        const { tuples, classification } = registerTool("s", tool, nothing, userOfServer, true);
        assert.ok(riskClasses.includes(classification.class));
        for (const tuple of tuples) assert.equal(checkTuple(stock, tuple), undefined);
      }
    }
  });
});
