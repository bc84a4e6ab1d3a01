import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { DomainError } from "../../src/core/error.ts";
import { parseName } from "../../src/core/object.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import { parseTupleText, type RelationTuple, type StoredCondition } from "../../src/core/tuple.ts";
import type { Consistency } from "../../src/service/request.ts";
import {
  grant,
  mailWorld,
  object,
  options,
  pair,
  prepareWorld,
  requestContext,
  startNode,
  type ServiceNode,
} from "../support/service-node.ts";

const condition: StoredCondition = {
  name: parseName("during_hours", "condition"),
  context: { zone: "UTC", from_hour: 0, to_hour: 24, current_time: "1970-01-01T00:00:00Z" },
};
const tuple: RelationTuple = {
  ...parseTupleText("delegation:d#tool@tool:send", "tuple"),
  condition,
};
const byDefault: Consistency = { kind: "default" };

suite("the clock of the server, in what is stored or taken as stored", () => {
  let node: ServiceNode;
  before(async () => {
    node = await startNode();
    await prepareWorld(node, mailWorld);
  });
  after(async () => node[Symbol.asyncDispose]());

  const refused = (error: unknown): boolean =>
    error instanceof DomainError &&
    error.code === "malformed" &&
    /current_time.*is the server's clock/.test(error.message);

  test("is not written with a tuple", async () => {
    const { tuples } = node.services;
    for (const kind of ["create", "touch"] as const) {
      const request = { steps: [{ kind, tuple }], preconditions: [] };
      await assert.rejects(tuples.write(requestContext(), request, options), refused);
    }
  });

  test("is not imported", async () => {
    async function* chunks() {
      yield { cursor: "one", tuples: [tuple] };
    }
    const { tuples } = node.services;
    await assert.rejects(tuples.import(requestContext(), chunks(), options), refused);
  });

  test("is not delegated", async () => {
    const { resources } = pair([], ["mailbox:alice"]);
    const tools = [{ subject: parseSubjectText("tool:send", "subject"), condition }];
    await assert.rejects(grant(node, { pairs: [{ tools, resources }] }), refused);
  });

  test("is not in a contextual tuple", async () => {
    const { relations } = node.services;
    const query = {
      object: object("delegation:d"),
      relation: parseName("tool", "relation"),
      subject: parseSubjectText("tool:send", "subject"),
      context: {},
      contextualTuples: [tuple],
      consistency: byDefault,
      explain: false,
    };
    await assert.rejects(async () => relations.checkRelation(requestContext(), query), refused);
  });
});
