import assert from "node:assert/strict";
import { after, suite, test } from "node:test";
import { parseName, parseObjectText } from "../../src/core/object.ts";
import { pageTuplesMax } from "../../src/core/page.ts";
import { parseSubjectText } from "../../src/core/subject.ts";
import {
  options,
  requestContext,
  startNode,
  touch,
  type ServiceNode,
} from "../support/service-node.ts";

const model = `model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
`;
const members = pageTuplesMax * 3;

// The tests keep the process alive where the product leaves that to its sockets.
const alive = setInterval(() => {}, 1000);
after(() => clearInterval(alive));

suite("a page too large to be held", () => {
  test("is not loaded whole for one question: the answer takes what is no plain member, and a point", async () => {
    await using node = await startNode();
    const sources = [{ name: "model.fga", text: model }];
    const request = { sources, activate: true, allowsOwnAbsence: true };
    await node.services.models.write(requestContext(), request, options);
    await fill(node);
    await touch(node, ["group:all#member@group:more#member", "group:more#member@user:extra"]);
    assert.equal(await isMember(node, "m00017"), true);
    assert.equal(await isMember(node, "nobody"), false);
    assert.equal(await isMember(node, "extra"), true);
    // Whole it would take more than a megabyte.
    assert(node.replica.heldBytes < 20_000, `${node.replica.heldBytes} bytes are held`);
    await touch(node, ["group:all#member@user:nobody"]);
    assert.equal(await isMember(node, "nobody"), true);
  });
});

/** Straight into the table: what is tested is how it is read. */
async function fill({ database }: ServiceNode): Promise<void> {
  const statement = {
    name: "fill_group",
    text: `insert into relation_tuple (tenant_id, created_rev, ord, object_type, object_id, relation,
        subject_type, subject_id, subject_relation)
      select 'default', (select head from tenant where id = 'default'), g, 'group', 'all', 'member',
        'user', 'm' || lpad(g::text, 5, '0'), '' from generate_series(1, $1::integer) g`,
  };
  await database.query("reads", statement, [members]);
}

async function isMember(node: ServiceNode, id: string): Promise<boolean> {
  const { member } = await node.services.relations.checkRelation(requestContext(), {
    object: parseObjectText("group:all", "object"),
    relation: parseName("member", "relation"),
    subject: parseSubjectText(`user:${id}`, "subject"),
    context: {},
    contextualTuples: [],
    consistency: { kind: "fully_consistent" },
    explain: false,
  });
  return member;
}
