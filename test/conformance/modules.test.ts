import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { createClient } from "../../src/client/client.ts";
import { createTestDatabase } from "../support/database.ts";
import { startProcess, type ServerProcess } from "../rpc/server-process.ts";

const manifest = `schema: '1.2'
contents:
  - core.fga
  - wiki.fga
`;
const core = `module core

type user
type organization
  relations
    define member: [user]
`;
const wiki = `module wiki

extend type organization
  relations
    define can_create_space: [user] and member

type space
  relations
    define organization: [organization]
    define reader: [user] or member from organization
`;

suite("modules over the wire", () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let server: ServerProcess;
  before(async () => {
    database = await createTestDatabase();
    server = await startProcess([], { DATABASE_URL: database.connectionString });
  });
  after(async () => {
    assert.equal(await server.stop("SIGTERM"), 0);
    await database.drop();
  });

  test("a model in modules is written, read and asked, with the types that they extend", async () => {
    using client = createClient({ address: server.grpcAddress });
    const modules = [
      { name: "wiki.fga", text: wiki },
      { name: "core.fga", text: core },
      { name: "fga.mod", text: manifest },
    ];
    const { modelId } = await client.model.writeModel({
      source: { case: "modules", value: { modules } },
    });
    const { model } = await client.model.readModel({ modelId });
    assert.deepEqual(
      model?.modules.map(({ name }) => name),
      ["wiki.fga", "core.fga", "fga.mod"],
    );
    const acme = { type: "organization", id: "acme" };
    const anne = { subject: { case: "object", value: { type: "user", id: "anne" } } } as const;
    const touch = (tuple: object) => ({ operation: { case: "touch" as const, value: tuple } });
    await client.tuple.writeTuples({
      operations: [
        touch({ object: acme, relation: "member", subject: anne }),
        touch({
          object: { type: "space", id: "docs" },
          relation: "organization",
          subject: { subject: { case: "object", value: acme } },
        }),
      ],
    });
    const isMember = async (type: string, id: string, relation: string) => {
      const question = { object: { type, id }, relation, subject: anne };
      return (await client.authorization.checkRelation(question)).member;
    };
    assert.equal(await isMember("space", "docs", "reader"), true);
    assert.equal(await isMember("organization", "acme", "can_create_space"), false);
    await client.tuple.writeTuples({
      operations: [touch({ object: acme, relation: "can_create_space", subject: anne })],
    });
    assert.equal(await isMember("organization", "acme", "can_create_space"), true);
  });

  test("a module that extends a type that is nowhere is refused, naming its file", async () => {
    using client = createClient({ address: server.grpcAddress });
    const modules = [
      { name: "fga.mod", text: "schema: '1.2'\ncontents:\n  - wiki.fga\n" },
      { name: "wiki.fga", text: wiki },
    ];
    await assert.rejects(
      client.model.writeModel({ source: { case: "modules", value: { modules } } }),
      {
        code: "model_rejected",
        message: /wiki\.fga/,
      },
    );
  });
});
