import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite, test } from "node:test";
import { argumentValues } from "../../scenarios/agentdojo/argument-value.ts";
import { consentTo } from "../../scenarios/agentdojo/consent.ts";
import { isCorpusThere, readSuites, type ToolCall } from "../../scenarios/agentdojo/corpus.ts";
import {
  concreteCalls,
  mapCall,
  type ConcreteCall,
} from "../../scenarios/agentdojo/mapped-call.ts";
import { outcomeOf } from "../../scenarios/agentdojo/outcome.ts";
import { isAllowed } from "../../scenarios/agentdojo/prediction.ts";
import { figuresOf, shortcomings } from "../../scenarios/agentdojo/report.ts";
import type { SuiteAnswers } from "../../scenarios/agentdojo/server-answers.ts";
import { trialOf, type SuiteTrial } from "../../scenarios/agentdojo/trial.ts";
import type { ClientDecision } from "../../src/client/decision.ts";

const figures = {
  user_calls: 287,
  user_calls_denied: 0,
  pairs: 547,
  blocked_by_tool: 472,
  blocked: 544,
};
const skip = isCorpusThere() ? false : "the AgentDojo corpus is not there";

suite("argumentValues", () => {
  const environment = { bank: { orders: [{ id: 6 }], today: "2024-05-15", note: "{vector}" } };

  test("reads what the environment says", () => {
    assert.deepEqual(argumentValues({ $expr: "pre_environment.bank.orders[0].id" }, environment), [
      { kind: "known", text: "6" },
    ]);
    assert.deepEqual(
      argumentValues({ $expr: "pre_environment.bank.today.isoformat()" }, environment),
      [{ kind: "known", text: "2024-05-15" }],
    );
  });

  test("guesses nothing of other expressions, of missing paths and of text with holes in it", () => {
    for (const $expr of [
      "ext_channel",
      "pre_environment.bank.next()",
      "pre_environment.bank.orders[1].id",
      "pre_environment.bank.toString",
      "pre_environment.bank.note",
    ]) {
      assert.equal(argumentValues({ $expr }, environment)[0]?.kind, "computed", $expr);
    }
    assert.equal(argumentValues("Hotel: {hotel.name}", environment)[0]?.kind, "computed");
  });

  test("takes a list apart", () => {
    assert.deepEqual(argumentValues(["a", { $expr: "b" }], environment), [
      { kind: "known", text: "a" },
      { kind: "computed", expression: "b" },
    ]);
  });
});

suite("the consent to calls", () => {
  const pay = (recipient: string): ToolCall => ({
    tool: "send_money",
    args: { recipient, amount: 1 },
  });
  const repoint = (id: number, recipient?: string): ToolCall => ({
    tool: "update_scheduled_transaction",
    args: { id, ...(recipient === undefined ? {} : { recipient }) },
  });

  test("lets them through, whatever is left open", () => {
    assert.ok(allows([pay("A")], { tool: "send_money", args: { recipient: "A", amount: 9 } }));
  });

  test("lets no other recipient through, not even one that another tool may reach", () => {
    assert.ok(!allows([pay("A"), repoint(7, "B")], pay("B")));
    assert.ok(!allows([pay("A"), repoint(7, "B")], repoint(7, "A")));
  });

  test("does not let an argument be added that the call left out", () => {
    assert.ok(!allows([repoint(7)], repoint(7, "B")));
  });

  test("leaves the type open where a value is computed, in that call alone", () => {
    const computed = { tool: "send_money", args: { recipient: { $expr: "someone" } } };
    assert.ok(allows([computed], pay("B")));
    assert.ok(!allows([computed, repoint(7, "A")], repoint(7, "B")));
  });

  test("refuses an argument that the mapping does not name", () => {
    assert.throws(() => mapCall("banking", { tool: "send_money", args: { bcc: "B" } }, {}));
  });

  function allows(consented: readonly ToolCall[], call: ToolCall): boolean {
    const grants = consentTo(consented.map((one) => mapCall("banking", one, {})));
    const ways = concreteCalls(mapCall("banking", call, {}), () => []);
    return ways.every((way) => isAllowed(grants, way));
  }
});

suite("the AgentDojo scenario", () => {
  test("is expected to stop what it does stop", { skip }, async () => {
    const outcomes = (await readSuites()).map(trialOf).map((trial) => {
      return outcomeOf(
        trial,
        answersOf(trial, (_, isExpected) => isExpected),
      );
    });
    assert.deepEqual(shortcomings(outcomes), []);
    assert.deepEqual(figuresOf(outcomes), figures);
  });

  test(
    "takes notice of a server that allows too much, denies too much or lists too much",
    { skip },
    async () => {
      const trials = (await readSuites()).map(trialOf);
      const [first] = trials;
      assert.ok(first !== undefined);
      const wrong = [
        answersOf(first, () => true),
        answersOf(first, () => false),
        { ...expected(first), unbounded: [] },
        {
          ...expected(first),
          tasks: expected(first).tasks.map((task) => ({ ...task, tools: new Set("x") })),
        },
      ];
      for (const answers of wrong)
        assert.notDeepEqual(shortcomings([outcomeOf(first, answers)]), []);
    },
  );

  test("holds against a server, in its own process", { skip }, () => {
    const scenario = join(import.meta.dirname, "../../scenarios/agentdojo.ts");
    const { status, stdout, stderr } = spawnSync(process.execPath, [scenario], {
      encoding: "utf8",
      timeout: 100_000,
    });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.deepEqual(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? ""), figures);
  });
});

function expected(trial: SuiteTrial): SuiteAnswers {
  return answersOf(trial, (_, isExpected) => isExpected);
}

/** What a server would answer that decides so; an expected verdict is the prediction's. */
function answersOf(
  { tasks, attacks }: SuiteTrial,
  decide: (call: ConcreteCall, isExpected: boolean) => boolean,
): SuiteAnswers {
  return {
    tasks: tasks.map(({ grants }) => ({
      decisionOn: (call) => decision(decide(call, isAllowed(grants, call))),
      tools: new Set(grants.map(({ tool }) => tool)),
    })),
    unbounded: attacks.map(() => decision(true)),
  };
}

function decision(isAllowedCall: boolean): ClientDecision {
  const facts = { id: "", delegationIds: [] };
  if (isAllowedCall) return { kind: "allowed", ...facts };
  return {
    kind: "denied",
    reason: "resource_not_covered",
    detail: "",
    missingContext: [],
    ...facts,
  };
}
