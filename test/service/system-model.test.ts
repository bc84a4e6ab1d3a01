import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { ensureSystemModel } from "../../src/service/system-model.ts";
import { options, requestContext, startNode, type ServiceNode } from "../support/service-node.ts";

const file = new URL("../../schema/models/system.fga", import.meta.url);

suite("ensureSystemModel", () => {
  test("writes the model where there is none, and not again", async () => {
    await using node = await startNode();
    await ensureSystemModel(node.storage, node.services.models);
    const { revision, modelId } = await node.storage.tenants.head("system");
    assert.ok(modelId !== undefined);
    await ensureSystemModel(node.storage, node.services.models);
    assert.deepEqual((await node.storage.tenants.head("system")).revision, revision);
  });

  test("replaces an older model, one without a number too, and leaves a later one", async () => {
    await using node = await startNode();
    const text = await readFile(file, "utf8");
    await activate(node, text.replace(/^# version .*$/m, "#"));
    await ensureSystemModel(node.storage, node.services.models);
    assert.equal(await activeText(node), text);
    const later = text.replace(/^# version .*$/m, "# version 999999");
    await activate(node, later);
    await ensureSystemModel(node.storage, node.services.models);
    assert.equal(await activeText(node), later);
  });
});

async function activate(node: ServiceNode, text: string): Promise<void> {
  const context = {
    ...requestContext("system"),
    caller: { id: "a test", proof: { kind: "process" as const } },
  };
  const sources = [{ name: "model.fga", text }];
  await node.services.models.write(context, { sources, activate: true }, options);
}

async function activeText(node: ServiceNode): Promise<string | undefined> {
  const { modelId = "" } = await node.storage.tenants.head("system");
  return (await node.storage.models.read("system", modelId))?.sources[0]?.text;
}
