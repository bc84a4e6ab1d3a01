import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { explanationBranch } from "../../src/cli/explanation.ts";
import { paintFor } from "../../src/cli/paint.ts";
import { drawTable } from "../../src/cli/table.ts";
import { printable } from "../../src/cli/terminal.ts";
import { drawTree, type Branch } from "../../src/cli/tree.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import { memoryTerminal } from "./memory-terminal.ts";

const plain = paintFor(memoryTerminal(), "output");

function branch(label: string, ...children: readonly Branch[]): Branch {
  return { label, children };
}

suite("drawTree", () => {
  test("draws a rule from each node to those below it", () => {
    const tree = branch("a", branch("b", branch("c"), branch("d")), branch("e", branch("f")));
    assert.deepEqual(drawTree(tree), ["a", "├─ b", "│  ├─ c", "│  └─ d", "└─ e", "   └─ f"]);
  });

  test("draws a tree that is deeper than the stack", () => {
    let tree = branch("leaf");
    for (let depth = 0; depth < 5_000; depth += 1) tree = branch("node", tree);
    assert.equal(drawTree(tree).length, 5_001);
  });
});

suite("drawTable", () => {
  test("makes each column as wide as its widest cell, colours apart", () => {
    const rows = [
      ["\u001b[36mab\u001b[0m", "c"],
      ["abcd", ""],
    ];
    assert.deepEqual(drawTable(["ID", "X"], rows), [
      "ID    X",
      "\u001b[36mab\u001b[0m    c",
      "abcd",
    ]);
  });
});

suite("explanationBranch", () => {
  test("marks each outcome, and says what it rests on and that the rest is left out", () => {
    const tree = explanationBranch(
      {
        label: "document:1#viewer@user:a",
        outcome: "no",
        truncated: true,
        children: [
          {
            label: "tuple",
            outcome: "yes",
            tuple: parseTupleText("document:1#editor@user:a", "tuple"),
            children: [],
          },
          { label: "blocked", outcome: "needs_context", detail: "place", children: [] },
          { label: "deep", outcome: "unknown", children: [] },
        ],
      },
      plain,
    );
    assert.deepEqual(drawTree(tree), [
      "✗ document:1#viewer@user:a",
      "├─ ✓ tuple  document:1#editor@user:a",
      "├─ ? blocked  place",
      "├─ ! deep",
      "└─ … more, left out",
    ]);
  });

  test("leaves out a question that was reduced to itself", () => {
    const leaf = { label: "tuple", outcome: "yes", children: [] } as const;
    const inner = { label: "q", outcome: "yes", children: [leaf] } as const;
    const outer = { label: "q", outcome: "yes", children: [inner] } as const;
    assert.deepEqual(drawTree(explanationBranch(outer, plain)), ["✓ q", "└─ ✓ tuple"]);
  });
});

suite("paintFor", () => {
  test("colours on a terminal alone, and not where it is asked not to", () => {
    const painted = (environment: Readonly<Record<string, string>>, isTty: boolean): string =>
      paintFor(memoryTerminal({ isTty, environment }), "output").good("yes");
    assert.equal(painted({}, true), "\u001b[32myes\u001b[0m");
    assert.equal(painted({}, false), "yes");
    assert.equal(painted({ NO_COLOR: "1" }, true), "yes");
    assert.equal(painted({ NO_COLOR: "" }, true), "\u001b[32myes\u001b[0m");
    assert.equal(painted({ TERM: "dumb" }, true), "yes");
  });
});

suite("printable", () => {
  test("keeps our own colours and takes away whatever else moves or hides", () => {
    assert.equal(printable("\u001b[32myes\u001b[0m"), "\u001b[32myes\u001b[0m");
    assert.equal(printable("a\u001b[2Jb\u001b[8mc\u0007d\re\u009bf"), "a?[2Jb?c?d?e?f");
    assert.equal(printable("a\u202eb"), "a?b");
  });
});
