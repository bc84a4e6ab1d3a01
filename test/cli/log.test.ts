import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { removeWithProcess } from "../support/remains.ts";
import { startServed, type Served } from "./served.ts";

const call = "--principal user:alice --actor agent:bot --tool tool:send --resource mailbox:alice";

suite("prokura log", () => {
  let served: Served;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "prokura-log-"));
    removeWithProcess(folder);
    served = await startServed({ PROKURA_DECISION_LOG_CHECKPOINT: "100ms" });
    const { done, prokura } = served;
    await done(
      "tuple write mcp_server:mail#eligible@agent:* tool:send#server@mcp_server:mail " +
        "tool:send#eligible@agent:* tool:send#requires@permission:mailbox/sender mailbox:alice#owner@user:alice",
    );
    await prokura(`check ${call} --context secret=hunter2`);
    await done(
      "delegate --principal user:alice --delegate agent:bot --tool tool:send --resource mailbox:alice",
      "--reason",
      "she asked for it",
    );
    await done(`check ${call} --context secret=hunter2`);
    await signed();
  });
  after(() => served[Symbol.asyncDispose]());

  /** Until there is a checkpoint on all that there is. */
  async function signed(): Promise<void> {
    for (;;) {
      const report = await verified();
      if (report.chains.every(({ lastSeq, signedSeq }) => lastSeq === signedSeq)) return;
      await sleep(50);
    }
  }

  async function verified(...more: readonly string[]) {
    const { output } = await served.prokura("log verify --json", ...more);
    const report: {
      readonly findingCount: number;
      readonly hasEvidence: boolean;
      readonly chains: readonly {
        readonly lastSeq: number;
        readonly signedSeq: number;
        readonly provenSeq: number;
      }[];
    } = JSON.parse(output);
    return report;
  }

  test("lists what was decided, and nothing of what was in a context", async () => {
    const text = await served.done("log list --principal user:alice --since 1h");
    assert.match(text, /denied no_delegation +user:alice +agent:bot +tool:send +mailbox:alice/);
    assert.match(text, /allowed +user:alice/);
    const { output } = await served.prokura("log list --outcome allowed --json");
    const { decisions } = JSON.parse(output);
    assert.equal(decisions.length, 1);
    assert.match(decisions[0].contextHash, /^[0-9a-f]{64}$/);
    const everything = await served.done("log export");
    assert.ok(!everything.includes("hunter2"));
    await served.done(`log review ${decisions[0].decisionId} --context secret=hunter2`);
  });

  test("tells who changed what, and why", async () => {
    const text = await served.done("log changes --operation delegate");
    assert.match(text, /delegate by anonymous: she asked for it/);
    assert.match(text, /\+ delegation:\w+#delegate@agent:bot/);
  });

  test("tells what an agent could have called then", async () => {
    const tools = `log tools --principal user:alice --actor agent:bot --at`;
    const now = new Date().toISOString();
    assert.equal((await served.done(`${tools} ${now}`)).trim(), "tool:send");
    const { output } = await served.prokura("log list --outcome denied --json");
    const { time } = JSON.parse(output).decisions[0];
    assert.equal((await served.done(`${tools} ${time}`)).trim(), "");
  });

  test("proves that nothing was touched, by what was kept elsewhere", async () => {
    const kept = join(folder, "kept.jsonl");
    await writeFile(kept, await served.done("log checkpoint"));
    const report = await verified("--checkpoint", kept);
    assert.equal(report.findingCount, 0);
    assert.ok(report.hasEvidence);
    assert.ok(
      report.chains.every(({ provenSeq, lastSeq }) => provenSeq > 0 && provenSeq <= lastSeq),
    );
  });

  test("says what is proven of the tuples, by which keys, and what is not", async () => {
    const kept = join(folder, "said.jsonl");
    await writeFile(kept, await served.done("log checkpoint"));
    const text = await served.done(`log verify --checkpoint ${kept}`);
    assert.match(
      text,
      /now: [1-9]\d* live tuples and the model, held against what revision \d+ left/,
    );
    assert.match(text, /believed: what was signed with [0-9a-f]{16}\n/);
    assert.match(text, /not proven by any of this: hashes of API keys/);
  });

  test("verifies an export without a server, and finds a word that was changed", async () => {
    const [kept, file] = [join(folder, "again.jsonl"), join(folder, "log.jsonl")];
    await writeFile(kept, await served.done("log checkpoint"));
    await writeFile(file, await served.done("log export"));
    await served.done(`log verify --checkpoint ${kept} --export ${file} --address 127.0.0.1:1`);
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace('"verdict":"denied"', '"verdict":"allowed"'));
    const { exitCode, output } = await served.prokura(
      `log verify --checkpoint ${kept} --export ${file}`,
    );
    assert.equal(exitCode, 1);
    assert.match(output, /altered .* row \d+/);
    await writeFile(file, text.replaceAll("she asked for it", "nobody asked"));
    const changed = await served.prokura(`log verify --checkpoint ${kept} --export ${file}`);
    assert.match(changed.output, /change_altered change \d+/);
  });

  test("exports for a SIEM", async () => {
    const lines = (await served.done("log export --format ocsf")).trim().split("\n");
    const events = lines.map((line): { class_uid: number; action_id?: number } => JSON.parse(line));
    assert.ok(events.some((event) => event.class_uid === 6003 && event.action_id === 1));
    assert.ok(events.some((event) => event.class_uid === 6003 && event.action_id === 2));
    assert.ok(events.some((event) => event.class_uid === 3004));
  });

  test("refuses checkpoints that were damaged where they were kept", async () => {
    const kept = join(folder, "damaged.jsonl");
    await writeFile(kept, (await served.done("log checkpoint")).replace('"seq\\":', '"seq\\":1'));
    const { exitCode, errors } = await served.prokura(`log verify --checkpoint ${kept}`);
    assert.equal(exitCode, 2);
    assert.match(errors, /no signed checkpoint/);
  });
});
