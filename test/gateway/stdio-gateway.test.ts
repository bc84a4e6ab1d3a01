import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
  CallToolResultSchema,
  EmptyResultSchema,
  McpError,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { Reason, type CheckRequest } from "../../src/gen/prokura/v1/authorization_pb.ts";
import {
  startAuthorizationServer,
  type AuthorizationServer,
} from "./support/authorization-server.ts";
import { createFileWorld, type FileWorld } from "./support/file-world.ts";

suite("a gateway on stdio, before the real file server", () => {
  test("lets an allowed call through and forwards the path that was asked about", async () => {
    await using scene = await openScene();
    scene.service.rule = () => Reason.UNSPECIFIED;
    const path = `${scene.files.root}/private/../shared//./plan.txt`;
    assert.equal(await scene.read(path), "the plan");
    const [check] = scene.service.checks;
    assert.equal(check?.tool?.id, "fs/read_text_file");
    assert.equal(check?.principal?.id, "alice");
    assert.deepEqual(
      check?.accesses.map(({ resource }) => resource?.id),
      [`${scene.files.root}/shared/plan.txt`],
    );
    assert.deepEqual(chainOf(check), [
      `file:${scene.files.root}/shared/plan.txt#parent@folder:${scene.files.root}/shared`,
      `folder:${scene.files.root}/shared#parent@folder:${scene.files.root}`,
    ]);
  });

  test("answers a denial with its reason, decision and missing names", async () => {
    await using scene = await openScene();
    scene.service.rule = () => Reason.CONTEXT_MISSING;
    const error = await scene.refusal(scene.read(`${scene.files.root}/shared/plan.txt`));
    assert.equal(error.code, -32_003);
    assert.deepEqual(error.data, {
      reason: "context_missing",
      decision_id: "dec-1",
      missing: ["approved"],
    });
  });

  test("asks about what a link leads to, not about the link", async () => {
    await using scene = await openScene();
    await scene.refusal(scene.read(`${scene.files.root}/shared/link.txt`));
    await scene.refusal(scene.read(`${scene.files.root}/shared/door/secret.txt`));
    const asked = scene.service.checks.flatMap(({ accesses }) => accesses);
    assert.deepEqual(
      asked.map(({ resource }) => resource?.id),
      Array(2).fill(`${scene.files.root}/private/secret.txt`),
    );
  });

  test("asks about every element of an array", async () => {
    await using scene = await openScene();
    const { root } = scene.files;
    scene.service.rule = () => Reason.UNSPECIFIED;
    await scene.client.callTool({
      name: "read_multiple_files",
      arguments: { paths: [`${root}/shared/plan.txt`, `${root}/shared/deep/note.txt`] },
    });
    assert.equal(scene.service.checks[0]?.accesses.length, 2);
    assert.equal(chainOf(scene.service.checks[0]).length, 4);
  });

  test("asks nothing where a required argument is missing or a path is a trick", async () => {
    await using scene = await openScene();
    scene.service.rule = () => Reason.UNSPECIFIED;
    const { root } = scene.files;
    const calls = [
      { name: "read_text_file", arguments: {} },
      { name: "read_multiple_files", arguments: { paths: [] } },
      { name: "read_multiple_files", arguments: { paths: `${root}/shared/plan.txt` } },
      { name: "read_text_file", arguments: { path: "shared/plan.txt" } },
      { name: "read_text_file", arguments: { path: `${root}/shared/%252e%252e/x` } },
      { name: "read_text_file", arguments: { path: `${root}/shared/plan.txt\0.png` } },
      { name: "write_file", arguments: { path: `${root}/shared/dangling`, content: "" } },
      { name: "resources/read", arguments: {} },
    ];
    for (const call of calls) {
      const error = await scene.refusal(scene.client.callTool(call));
      assert.equal(error.code, -32_003);
    }
    assert.equal(scene.service.checks.length, 0);
  });

  test("lists the tools that may be called, and no others", async () => {
    await using scene = await openScene();
    scene.service.tools = ["fs/read_text_file", "fs/no_such_tool", "other/write_file"];
    const { tools } = await scene.client.listTools();
    assert.deepEqual(
      tools.map(({ name }) => name),
      ["read_text_file"],
    );
  });

  test("says that the tools may have changed", async () => {
    await using scene = await openScene();
    await scene.client.listTools();
    const changed = Promise.withResolvers<void>();
    scene.client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed.resolve());
    await scene.service.watched();
    scene.service.change();
    await changed.promise;
    assert.equal(scene.client.getServerCapabilities()?.tools?.listChanged, true);
  });

  test("asks about other methods as tools of their names, and refuses unknown ones", async () => {
    await using scene = await openScene();
    await scene.refusal(scene.client.listResources());
    await scene.refusal(scene.client.readResource({ uri: "file:///etc/passwd" }));
    assert.deepEqual(
      scene.service.checks.map(({ tool }) => tool?.id),
      ["fs/resources/list", "fs/resources/read"],
    );
    const unknown = await scene.refusal(
      scene.client.request({ method: "files/delete_all" }, EmptyResultSchema),
    );
    assert.equal(unknown.code, -32_601);
    assert.equal(scene.service.checks.length, 2);
  });

  test("does not offer the agent's roots to the server", async () => {
    await using scene = await openScene({ roots: { listChanged: true } });
    scene.service.rule = () => Reason.UNSPECIFIED;
    const result = await scene.client.callTool({ name: "list_allowed_directories", arguments: {} });
    assert.match(JSON.stringify(result.content), new RegExp(scene.files.root));
  });

  test("lets nothing through when the service is slow", async () => {
    await using scene = await openScene();
    scene.service.rule = () => undefined;
    const error = await scene.refusal(scene.read(`${scene.files.root}/shared/plan.txt`));
    assert.equal(error.code, -32_053);
    assert.deepEqual(error.data, {
      reason: "unavailable",
      code: "deadline_exceeded",
      retriable: true,
    });
  });

  test("lets nothing through when the service is away", async () => {
    await using scene = await openScene();
    scene.service.rule = () => Reason.UNSPECIFIED;
    await scene.service[Symbol.asyncDispose]();
    const error = await scene.refusal(scene.read(`${scene.files.root}/shared/plan.txt`));
    assert.equal(error.code, -32_053);
    const listing = await scene.refusal(scene.client.listTools());
    assert.equal(listing.code, -32_053);
  });
});

interface Scene extends AsyncDisposable {
  readonly service: AuthorizationServer;
  readonly files: FileWorld;
  readonly client: Client;
  read(path: string): Promise<string>;
  refusal(call: Promise<unknown>): Promise<McpError>;
}

async function openScene(capabilities: object = {}): Promise<Scene> {
  const service = await startAuthorizationServer();
  const files = await createFileWorld({
    service: { address: service.address, deadline_ms: 500 },
  });
  const client = new Client({ name: "agent", version: "1" }, { capabilities });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [
        join(import.meta.dirname, "support/run-gateway.ts"),
        "--config",
        files.configFile,
        "--log-level",
        "error",
      ],
      stderr: "inherit",
    }),
  );
  return {
    service,
    files,
    client,
    async read(path) {
      const result = await client.callTool({ name: "read_text_file", arguments: { path } });
      const content = textOf(result);

      return content;
    },
    async refusal(call) {
      const error = await call.then(
        (result) => assert.fail(`let through: ${JSON.stringify(result)}`),
        (cause: unknown) => cause,
      );
      assert.ok(error instanceof McpError, String(error));
      return error;
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await service[Symbol.asyncDispose]();
      await files[Symbol.asyncDispose]();
    },
  };
}

function chainOf(check: CheckRequest | undefined): readonly string[] {
  return (check?.contextualTuples ?? []).map(({ object, relation, subject }) => {
    assert.equal(subject?.subject.case, "object");
    const { type, id } = subject.subject.value;
    return `${object?.type}:${object?.id}#${relation}@${type}:${id}`;
  });
}

function textOf(result: object): string {
  const { content } = CallToolResultSchema.parse(result);
  const [first] = content;
  assert.equal(first?.type, "text");
  return first.text;
}
