import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, suite, test } from "node:test";
import { DomainError } from "../../src/core/error.ts";
import { modelRejected } from "../../src/model/finding.ts";
import { readModel } from "../../src/model/read-model.ts";
import { contractGuard } from "../../src/service/contract-guard.ts";
import { createModels } from "../../src/service/model-keeper.ts";
import { createMutator } from "../../src/service/mutator.ts";
import {
  callOf,
  grant,
  mailWorld,
  options,
  prepareWorld,
  requestContext,
  startNode,
  touch,
  verdict,
  type ServiceNode,
} from "../support/service-node.ts";

/** The stock model, but that no mailbox can be suspended. */
async function withoutSuspendedMailboxes(): Promise<string> {
  const text = await readFile(new URL("../../schema/models/stock.fga", import.meta.url), "utf8");
  const [before = "", rest = ""] = text.split("type mailbox\n");
  return `${before}type mailbox\n${rest.replace("    define suspended: [suspension]\n", "")}`;
}

suite("activating a model", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
    await grant(node, {});
  });
  after(async () => node[Symbol.asyncDispose]());

  test("a suspension that comes after the stored tuples were looked through is not lost", async () => {
    const { storage, replica } = node;
    const guard = contractGuard({ storage });
    let looks = 0;
    const models = createModels({
      storage,
      mutator: createMutator(storage, replica, 12_000),
      permits: () => undefined,
      readModel: async (sources) => {
        const checked = await readModel(sources.map(({ name, text }) => ({ name, text })));
        if (checked.kind === "refused") throw modelRejected(checked.findings);
        return checked.model;
      },
      requireContractTuples: async (context, model) => {
        const preconditions = await guard(context, model);
        looks += 1;
        if (looks === 1) await touch(node, ["mailbox:alice#suspended@suspension:s1"]);
        return preconditions;
      },
      newModelId: () => "m-raced",
    });
    const sources = [{ name: "model.fga", text: await withoutSuspendedMailboxes() }];
    await assert.rejects(
      models.write(requestContext(), { sources, activate: true }, options),
      (error) => error instanceof DomainError && error.code === "precondition_failed",
    );
    assert.equal(await verdict(node, callOf("tool:send", "mailbox:alice")), "suspended");
  });
});
