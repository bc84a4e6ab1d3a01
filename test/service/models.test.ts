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
  object,
  options,
  prepareWorld,
  relation,
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

suite("a model that may make something depend on its own absence", () => {
  const text = `model
  schema 1.1
type user
type group
  relations
    define joined: [user]
    define banned: [user, group#member]
    define member: joined but not banned
`;
  const sources = [{ name: "model.fga", text }];
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
  });
  after(async () => node[Symbol.asyncDispose]());

  async function isMember(group: string): Promise<boolean> {
    const { member } = await node.services.relations.checkRelation(requestContext(), {
      object: object(group),
      relation: relation("member", "relation"),
      subject: { kind: "object", object: object("user:ann") },
      context: {},
      contextualTuples: [],
      consistency: { kind: "default" },
      explain: false,
    });
    return member;
  }

  test("is refused unless its author allows that, and then answers but where tuples do so", async () => {
    const { models } = node.services;
    await assert.rejects(
      models.write(requestContext(), { sources, activate: true }, options),
      (error) => error instanceof DomainError && error.code === "model_rejected",
    );
    const allowed = { sources, activate: true, allowsOwnAbsence: true };
    await models.write(requestContext(), allowed, options);
    await touch(node, ["group:a#joined@user:ann", "group:a#banned@group:b#member"]);
    assert.equal(await isMember("group:a"), true);
    await touch(node, ["group:b#joined@user:ann", "group:b#banned@group:b#member"]);
    await assert.rejects(
      isMember("group:a"),
      (error) => error instanceof DomainError && error.code === "model_mismatch",
    );
  });
});
