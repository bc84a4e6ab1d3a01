import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { DomainError } from "../../src/core/error.ts";
import { parseName, formatObject } from "../../src/core/object.ts";
import { pageTuplesMax } from "../../src/core/page.ts";
import { formatSubject, parseSubjectText } from "../../src/core/subject.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import type { Consistency } from "../../src/service/request.ts";
import {
  object,
  options,
  remove,
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
type doc
  relations
    define viewer: [user, user:*, group#member, user with in_office] but not blocked
    define blocked: [user, group#member]
condition in_office(network: ipaddress, office: string) {
  network.in_cidr(office)
}`;

const world = [
  "group:all#member@group:eng#member",
  "group:eng#member@user:alice",
  "group:eng#member@user:bob",
  "doc:shared#viewer@group:all#member",
  "doc:open#viewer@user:*",
  "doc:closed#viewer@user:*",
  "doc:closed#blocked@user:alice",
  "doc:mixed#viewer@group:eng#member",
  "doc:mixed#blocked@user:bob",
];
const many = Array.from({ length: 60 }, (_, at) => `doc:m${at + 10}#viewer@user:alice`);
const office: RelationTuple = {
  ...parseTupleText("doc:office#viewer@user:alice", "tuple"),
  condition: { name: parseName("in_office", "condition"), context: { office: "10.0.0.0/8" } },
};

suite("lists on a real node", () => {
  let node: ServiceNode;
  let token: string;
  before(async () => {
    node = await startNode();
    const sources = [{ name: "model.fga", text: model }];
    await node.services.models.write(requestContext(), { sources, activate: true }, options);
    await touch(node, [...world, ...many]);
    const steps = [{ kind: "touch" as const, tuple: office }];
    const write = { steps, preconditions: [] };
    const { result } = await node.services.tuples.write(requestContext(), write, options);
    token = result.token;
  });
  after(() => node[Symbol.asyncDispose]());

  const byDefault: Consistency = { kind: "default" };

  test("pages of objects keep their revision while writes go on", async () => {
    const first = await objectsOf(node, "user:alice", at(token), 1_000);
    const seen: string[] = [];
    let pageToken: string | undefined = "";
    for (let page = 0; pageToken !== undefined; page += 1) {
      const answer = await objectPage(node, "user:alice", byDefault, { pageSize: 7, pageToken });
      seen.push(...answer.items.map(({ object: one }) => formatObject(one)));
      pageToken = answer.nextPageToken;
      // Before what was listed, after it, and from what is still to come.
      await touch(node, [`doc:a${page}#viewer@user:alice`, `doc:z${page}#viewer@user:alice`]);
      await remove(node, [`doc:m${60 + page}#viewer@user:alice`]);
    }
    assert.deepEqual(seen, first);
    assert.deepEqual(
      seen,
      [
        ...many.map((text) => text.slice(0, 7)),
        "doc:mixed",
        "doc:office",
        "doc:open",
        "doc:shared",
      ].toSorted(),
    );
  });

  test("pages of subjects keep their revision while writes go on", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `user:u${index + 10}`);
    await touch(
      node,
      names.map((name) => `doc:many#viewer@${name}`),
    );
    const seen: string[] = [];
    let pageToken: string | undefined = "";
    while (pageToken !== undefined) {
      const answer = await subjectPage(node, "doc:many", byDefault, { pageSize: 5, pageToken });
      seen.push(...answer.items.map(({ subject }) => formatSubject(subject)));
      pageToken = answer.nextPageToken;
      await touch(node, ["doc:many#viewer@user:aaa", "doc:many#viewer@user:zzz"]);
      await remove(node, ["doc:many#viewer@user:u21"]);
    }
    assert.deepEqual(seen, names);
  });

  test("a relation that is too large for a page is listed whole, in pages, while writes go on", async () => {
    const names = Array.from({ length: pageTuplesMax + 200 }, (_, at) => `user:p${at + 10_000}`);
    for (let from = 0; from < names.length; from += 1_000) {
      const part = names.slice(from, from + 1_000);
      await touch(
        node,
        part.map((name) => `doc:large#viewer@${name}`),
      );
    }
    await touch(node, ["doc:large#blocked@user:p10007", "doc:large#viewer@group:eng#member"]);
    const expected = [...names.filter((name) => name !== "user:p10007"), "user:alice", "user:bob"];
    const seen: string[] = [];
    let pageToken: string | undefined = "";
    for (let page = 0; pageToken !== undefined; page += 1) {
      const size = { pageSize: 2_500, pageToken };
      const answer = await subjectPage(node, "doc:large", byDefault, size);
      seen.push(...answer.items.map(({ subject }) => formatSubject(subject)));
      pageToken = answer.nextPageToken;
      await touch(node, [`doc:large#viewer@user:a${page}`, `doc:large#viewer@user:z${page}`]);
      await remove(node, ["doc:large#viewer@user:p20100"]);
    }
    assert.deepEqual(seen, expected.toSorted());
  });

  test("an object whose condition lacks context is reported with the names", async () => {
    const { items } = await objectPage(node, "user:alice", at(token), {
      pageSize: 100,
      pageToken: "",
    });
    assert.deepEqual(
      items.filter(({ missingNames }) => missingNames.length > 0),
      [{ object: object("doc:office"), missingNames: ["network"] }],
    );
    await assert.rejects(
      node.services.relations.listObjects(requestContext(), {
        ...objectQuery("user:alice", at(token)),
        page: { pageSize: 100, pageToken: "" },
        reportConditional: false,
      }),
      { code: "context_missing", facts: { names: ["network"], field: "context" } },
    );
  });

  test("a wildcard says whom it leaves out", async () => {
    const { items } = await subjectPage(node, "doc:closed", at(token), {
      pageSize: 10,
      pageToken: "",
    });
    assert.deepEqual(
      items.map(({ subject, excluded }) => [formatSubject(subject), excluded.map(formatSubject)]),
      [["user:*", ["user:alice"]]],
    );
  });

  test("every element and every non-element is what the check says", async () => {
    for (const user of ["user:alice", "user:bob", "user:carol"]) {
      const { items } = await objectPage(node, user, at(token), { pageSize: 1_000, pageToken: "" });
      const listed = new Map(items.map((item) => [formatObject(item.object), item.missingNames]));
      const all = [...new Set([...world, ...many].map((text) => text.split("#")[0] ?? ""))];
      for (const one of [...all, "doc:office"].filter((text) => text.startsWith("doc:"))) {
        const names = listed.get(one);
        const expected = names === undefined ? false : names.length === 0 ? true : names;
        assert.deepEqual(await checked(node, one, user, at(token)), expected, `${one} ${user}`);
      }
    }
  });

  test("a page that is asked for twice is the same, kept or searched for again", async () => {
    const first = await objectPage(node, "user:alice", byDefault, { pageSize: 7, pageToken: "" });
    const next = { pageSize: 7, pageToken: first.nextPageToken ?? "" };
    const kept = await objectPage(node, "user:alice", byDefault, next);
    await touch(node, ["doc:a-new#viewer@user:alice", "doc:zz-new#viewer@user:alice"]);
    const again = await objectPage(node, "user:alice", byDefault, next);
    assert.deepEqual(again.items, kept.items);
    assert.equal(again.token, kept.token);
    assert.equal(again.nextPageToken, kept.nextPageToken);
    await remove(node, ["doc:a-new#viewer@user:alice", "doc:zz-new#viewer@user:alice"]);
  });

  test("a page token of another question, or a mangled one, is refused", async () => {
    const page = { pageSize: 2, pageToken: "" };
    const { nextPageToken = "" } = await objectPage(node, "user:alice", byDefault, page);
    const next = { pageSize: 2, pageToken: nextPageToken };
    await assert.rejects(objectPage(node, "user:bob", byDefault, next), { code: "malformed" });
    const mangled = { pageSize: 2, pageToken: `x${nextPageToken}` };
    await assert.rejects(objectPage(node, "user:alice", byDefault, mangled), { code: "malformed" });
  });
});

function at(token: string): Consistency {
  return { kind: "at_exact_token", token };
}

function objectQuery(subject: string, consistency: Consistency) {
  return {
    type: parseName("doc", "type"),
    relation: parseName("viewer", "relation"),
    subject: parseSubjectText(subject, "subject"),
    context: {},
    contextualTuples: [],
    consistency,
  };
}

function objectPage(
  node: ServiceNode,
  subject: string,
  consistency: Consistency,
  page: { readonly pageSize: number; readonly pageToken: string },
) {
  const query = { ...objectQuery(subject, consistency), page, reportConditional: true };
  return node.services.relations.listObjects(requestContext(), query);
}

async function objectsOf(
  node: ServiceNode,
  subject: string,
  consistency: Consistency,
  pageSize: number,
): Promise<readonly string[]> {
  const { items } = await objectPage(node, subject, consistency, { pageSize, pageToken: "" });
  return items.map(({ object: one }) => formatObject(one));
}

function subjectPage(
  node: ServiceNode,
  text: string,
  consistency: Consistency,
  page: { readonly pageSize: number; readonly pageToken: string },
) {
  return node.services.relations.listSubjects(requestContext(), {
    object: object(text),
    relation: parseName("viewer", "relation"),
    subjectType: parseName("user", "type"),
    context: {},
    contextualTuples: [],
    consistency,
    page,
    reportConditional: true,
  });
}

async function checked(
  node: ServiceNode,
  text: string,
  subject: string,
  consistency: Consistency,
): Promise<boolean | readonly string[]> {
  const { type, ...query } = objectQuery(subject, consistency);
  assert.ok(text.startsWith(`${type}:`));
  const question = { ...query, object: object(text), explain: false };
  try {
    return (await node.services.relations.checkRelation(requestContext(), question)).member;
  } catch (error) {
    if (error instanceof DomainError && error.facts.names !== undefined) return error.facts.names;
    throw error;
  }
}
