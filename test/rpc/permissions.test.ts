import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { ApiError } from "../../src/client/api-error.ts";
import type { Client } from "../../src/client/client.ts";
import { grantedPermissions, type GrantedPermission } from "../../src/service/api-keys.ts";
import {
  grant,
  mailWorld,
  options,
  prepareWorld,
  requestContext,
} from "../support/service-node.ts";
import { startGuarded, type GuardedServer } from "./callers.ts";

const nobody = { type: "user", id: "nobody" };
const bot = { type: "agent", id: "bot" };
const call = {
  principal: { type: "user", id: "alice" },
  actors: [bot],
  tool: { type: "tool", id: "send" },
  accesses: [{ resource: { type: "mailbox", id: "alice" } }],
};
const relation = { object: { type: "mailbox", id: "alice" }, relation: "owner" };
const subject = { subject: { case: "object" as const, value: nobody } };
const containment = { object: { type: "file", id: "new" }, relation: "parent", subject };

/** Every RPC, so that it changes nothing where it is let in. */
const asked = {
  check: (client) => client.authorization.check(call),
  batch: (client) => client.authorization.batchCheck({ items: [call] }),
  stream: async (client) => {
    const [answer] = await Array.fromAsync(client.authorization.streamCheck([{ items: [call] }]));
    if (answer?.error !== undefined) throw new ApiError(answer.error.code, answer.error.message);
  },
  context: (client) =>
    client.authorization.checkRelation({ ...relation, subject, contextualTuples: [containment] }),
  check_relation: (client) => client.authorization.checkRelation({ ...relation, subject }),
  expand: (client) => client.authorization.expand(relation),
  list_tools: (client) => client.authorization.listTools(call),
  watch_tools: (client) => first(client.authorization.watchTools(call)),
  list_objects: (client) =>
    client.authorization.listObjects({ type: "mailbox", relation: "owner", subject }),
  list_subjects: (client) =>
    client.authorization.listSubjects({ ...relation, subjectType: "user" }),
  delegate: (client) =>
    client.delegation.delegate({ parentId: "none", delegate: bot, pairs: [{}] }),
  renew: (client) => client.delegation.renewDelegation({ delegationId: "none" }),
  revoke: (client) => client.delegation.revoke({ selector: { principal: nobody }, dryRun: true }),
  get: (client) => client.delegation.getDelegation({ delegationId: "none" }),
  list: (client) => client.delegation.listDelegations({}),
  suspend: (client) => client.delegation.suspend({ target: { type: "none", id: "x" } }),
  resume: (client) =>
    client.delegation.resume({ target: nobody, suspension: { case: "all", value: true } }),
  offboard: (client) => client.delegation.offboard({ principal: { type: "none", id: "x" } }),
  write: (client) =>
    client.tuple.writeTuples({
      operations: [{ operation: { case: "delete", value: { ...relation, subject } } }],
    }),
  read: (client) => client.tuple.readTuples({}),
  delete: (client) => client.tuple.deleteTuples({ filter: { objectType: "none" }, dryRun: true }),
  import: (client) => client.tuple.importTuples([{}]),
  export: (client) => first(client.tuple.exportTuples({})),
  watch: (client) => first(client.tuple.watch({})),
  wait_for: (client) => client.tuple.waitFor({ token: "none" }),
  write_model: (client) => client.model.writeModel({ source: { case: "text", value: "none" } }),
  activate_model: (client) => client.model.activateModel({ modelId: "none" }),
  read_model: (client) => client.model.readModel({}),
  list_models: (client) => client.model.listModels({}),
  list_decisions: (client) => client.audit.listDecisions({}),
  list_changes: (client) => client.audit.listChanges({}),
  verify_log: (client) => client.audit.verifyLog({}),
  create_tenant: (client) => client.admin.createTenant({ tenant: "made" }),
  list_tenants: (client) => client.admin.listTenants({}),
  list_nodes: (client) => client.admin.listNodes({}),
  create_key: (client) =>
    client.admin.createApiKey({ permissions: ["checker"], lifetime: { seconds: 1n } }),
  revoke_key: (client) => client.admin.revokeApiKey({ keyId: "knone" }),
  list_keys: (client) => client.admin.listApiKeys({}),
} satisfies Readonly<Record<string, (client: Client) => Promise<unknown>>>;

type Asked = keyof typeof asked;

const member: readonly Asked[] = ["wait_for", "read_model", "list_models"];
const reader: readonly Asked[] = ["read", "export", "get", "list", ...member];
const delegator: readonly Asked[] = ["delegate", "renew", "revoke", "get", "list", ...member];
const audited: readonly Asked[] = ["list_decisions", "list_changes", "verify_log"];
const checker: readonly Asked[] = [
  ...(["check", "batch", "stream", "check_relation", "expand", "list_tools"] as const),
  ...(["watch_tools", "list_objects", "list_subjects"] as const),
  ...member,
];
const ofDeployment: readonly Asked[] = ["create_tenant", "list_tenants"];

/** What each is let in to. Whatever is not here is refused. */
const permitted: Readonly<Record<GrantedPermission, readonly Asked[]>> = {
  checker,
  context_provider: [],
  tool_lister: ["list_tools", "watch_tools"],
  delegator,
  operator: [...delegator, ...reader, "suspend", "resume", "watch", "list_nodes"],
  writer: ["write", "delete", "import", ...reader],
  modeller: ["write_model", "activate_model", ...member],
  auditor: [...reader, ...audited],
  admin: everythingBut(ofDeployment),
  break_glass: everythingBut(ofDeployment),
};

suite("what each permission lets in to", () => {
  let server: GuardedServer;
  before(async () => {
    server = await startGuarded({});
    await prepareWorld(server.node, mailWorld);
    await grant(server.node, {});
  });
  after(() => server[Symbol.asyncDispose]());

  for (const permission of grantedPermissions) {
    test(permission, async () => {
      assert.deepEqual(await letInTo([permission]), [...new Set(permitted[permission])].toSorted());
    });
  }

  test("nothing at all lets in to nothing", async () => {
    assert.deepEqual(await letInTo([]), []);
  });

  test("a checker that may provide context is let in to what takes it", async () => {
    const found = await letInTo(["checker", "context_provider"]);
    assert.deepEqual(found, [...checker, "context"].toSorted());
  });

  test("an administrator of the deployment is let in to everything", async () => {
    assert.deepEqual(await letInTo(["admin"], "system"), everythingBut([]));
  });

  test("a permission in one tenant is none in another", async () => {
    await server.node.services.tenants.create(requestContext("acme"), options);
    assert.deepEqual(await letInTo(["admin"], "acme"), []);
  });

  async function letInTo(
    permissions: readonly GrantedPermission[],
    tenant = "default",
  ): Promise<readonly string[]> {
    const request = { name: "a test's", permissions };
    const context = requestContext(tenant);
    const { secret } = await server.node.services.keys.create(context, request, options);
    using client = server.client(secret);
    const found: string[] = [];
    for (const [name, ask] of Object.entries(asked)) {
      if (await isLetIn(() => ask(client))) found.push(name);
    }
    return found.toSorted();
  }
});

/** Whatever else comes of it. A delegator is let in, and then asked for its token. */
async function isLetIn(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    assert.ok(error instanceof ApiError);
    assert.notEqual(error.code, "internal", error.message);
    return !(error.code === "caller_not_permitted" && error.message.includes("the caller is no "));
  }
}

async function first(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events) return;
}

function everythingBut(some: readonly Asked[]): readonly Asked[] {
  const all: readonly Asked[] = Object.keys(asked).filter((name): name is Asked => name in asked);
  return all.filter((name) => !some.includes(name)).toSorted();
}
