import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { createTestDatabase } from "../support/database.ts";
import { askGrpc, askHttp, type Ask } from "./asking.ts";
import { loadProtoFiles, PlainClient, type Plain } from "./plain-grpc.ts";
import { reflect } from "./reflected.ts";
import { startProcess, type ServerProcess } from "./server-process.ts";

const stockModel = readFileSync(new URL("../../schema/models/stock.fga", import.meta.url), "utf8");
const alice = { type: "user", id: "alice@example.com" };
const mailbot = { type: "agent", id: "mailbot" };
const send = { type: "tool", id: "gmail/send" };
const mailbox = { type: "mailbox", id: "alice" };
const call = { principal: alice, actors: [mailbot], tool: send, accesses: [{ resource: mailbox }] };
const consent = {
  principal: alice,
  delegate: mailbot,
  pairs: [
    {
      tools: [{ subject: { object: send } }],
      resources: [{ subject: { object: mailbox } }],
    },
  ],
};

suite("a server process", () => {
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

  const clients: readonly (readonly [string, string, () => Promise<Ask>])[] = [
    ["proto-files", "the .proto files", async () => askGrpc(loadProtoFiles(), server.grpcAddress)],
    [
      "reflection",
      "reflection",
      async () => {
        const { definition } = await reflect(server.grpcAddress);
        return askGrpc(definition, server.grpcAddress);
      },
    ],
    ["json", "JSON over HTTP", async () => askHttp(server.httpUrl)],
  ];
  for (const [tenant, known, makeAsk] of clients) {
    test(`a client that has ${known} checks, delegates, revokes, and is denied at once`, async () => {
      const ask = await makeAsk();
      await prepare(ask, tenant);
      const request = { tenant, ...call };
      const denied = await ask("AuthorizationService", "Check", request);
      assert.equal(denied["verdict"], "VERDICT_DENIED");
      assert.equal(denied["reason"], "REASON_NO_DELEGATION");
      const given = await ask("DelegationService", "Delegate", { tenant, ...consent });
      const id = idOf(given);
      const granted = await ask("AuthorizationService", "Check", request);
      assert.equal(granted["verdict"], "VERDICT_ALLOWED");
      assert.deepEqual(granted["delegation_ids"], [id]);
      const selector = { delegation_id: id };
      const revoked = await ask("DelegationService", "Revoke", { tenant, selector });
      assert.equal(revoked["outcome"], "REVOKE_OUTCOME_REVOKED");
      const after_ = await ask("AuthorizationService", "Check", request);
      assert.equal(after_["verdict"], "VERDICT_DENIED");
    });
  }

  test("bad input is refused with its code, over both wires, and the server goes on", async () => {
    const http = askHttp(server.httpUrl);
    await prepare(http, "bad-input");
    const other = await http("AdminService", "ListNodes", {});
    const bad: readonly (readonly [string, string, Plain, string])[] = [
      ["AuthorizationService", "Check", {}, "malformed"],
      ["AuthorizationService", "Check", { ...call, tenant: "nobody" }, "tenant_not_found"],
      ["AuthorizationService", "Check", { ...call, tenant: "system" }, "no_delegations"],
      [
        "AuthorizationService",
        "Check",
        { ...call, actors: Array(9).fill(mailbot) },
        "limit_exceeded",
      ],
      [
        "AuthorizationService",
        "Check",
        { ...call, principal: { type: "usr", id: "x" } },
        "unknown_type",
      ],
      [
        "AuthorizationService",
        "Check",
        { ...call, principal: { type: "user", id: "a\nb" } },
        "malformed",
      ],
      [
        "AuthorizationService",
        "Check",
        { ...call, consistency: { at_least_as_fresh: other["token"] } },
        "malformed",
      ],
      [
        "AuthorizationService",
        "CheckRelation",
        { object: mailbox, relation: "opener", subject: { object: alice } },
        "unknown_relation",
      ],
      [
        "AuthorizationService",
        "Expand",
        { object: mailbox, relation: "owner", depth: 65 },
        "limit_exceeded",
      ],
      ["TupleService", "WriteTuples", {}, "malformed"],
      ["TupleService", "WriteTuples", { operations: [{}] }, "malformed"],
      [
        "TupleService",
        "WriteTuples",
        {
          operations: [
            { create: { object: mailbox, relation: "owner", subject: { object: mailbot } } },
          ],
        },
        "tuple_refused",
      ],
      ["TupleService", "DeleteTuples", { filter: {} }, "malformed"],
      ["TupleService", "WaitFor", { token: "x" }, "malformed"],
      ["ModelService", "WriteModel", { text: "model\n  schema 9.9" }, "model_rejected"],
      ["ModelService", "ReadModel", { model_id: "m0" }, "model_not_found"],
      ["DelegationService", "GetDelegation", { delegation_id: "d0" }, "delegation_not_found"],
      ["DelegationService", "Revoke", { selector: {} }, "malformed"],
      ["DelegationService", "Delegate", { ...consent, pairs: [] }, "malformed"],
      ["AdminService", "CreateTenant", { tenant: "Bad Name" }, "malformed"],
      ["AdminService", "CreateTenant", { tenant: "bad-input" }, "tenant_exists"],
    ];
    for (const ask of [http, askGrpc(loadProtoFiles(), server.grpcAddress)]) {
      for (const [service, method, request, code] of bad) {
        const shown = `${service}/${method} ${JSON.stringify(request).slice(0, 120)}`;
        await assert.rejects(
          ask(service, method, { tenant: "bad-input", ...request }),
          { code },
          shown,
        );
      }
      const still = await ask("AuthorizationService", "Check", { ...call, tenant: "bad-input" });
      assert.equal(still["verdict"], "VERDICT_DENIED");
    }
  });

  test("bytes that speak no protocol harm nobody else", async () => {
    const ask = askHttp(server.httpUrl);
    for (const address of [server.grpcAddress, new URL(server.httpUrl).host]) {
      const [host, port] = address.split(":");
      const junk = [
        randomBytes(70_000),
        Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), randomBytes(5_000)]),
        Buffer.from(`POST / HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`),
        Buffer.from("POST /x HTTP/1.1\r\ncontent-length: -1\r\n\r\n"),
      ];
      for (const bytes of junk) {
        const socket = connect(Number(port), host);
        socket.on("error", () => {});
        socket.resume();
        await once(socket, "connect");
        socket.end(bytes);
        await new Promise<void>((resolve) => void socket.once("close", () => resolve()));
      }
      await ask("AdminService", "ListNodes", {});
      await askGrpc(loadProtoFiles(), server.grpcAddress)("AdminService", "ListNodes", {});
    }
  });

  test("a batch answers each item by itself", async () => {
    const ask = askHttp(server.httpUrl);
    await prepare(ask, "batch");
    const items = [call, { ...call, actors: [] }, { ...call, tool: { type: "tool", id: "other" } }];
    const answer = await ask("AuthorizationService", "BatchCheck", { tenant: "batch", items });
    const text = JSON.stringify(answer["results"]);
    assert.match(
      text,
      /REASON_NO_DELEGATION.*"field":"items\[1\]\.actors".*REASON_TOOL_UNREGISTERED/,
    );
    assert.equal(typeof answer["token"], "string");
    const none = await ask("AuthorizationService", "BatchCheck", { tenant: "batch", items: [{}] });
    assert.match(JSON.stringify(none["results"]), /"code":"malformed"/);
  });
});

suite("a server that stops", () => {
  test("ends watches with UNAVAILABLE after what they were owed, and lets its lease go", async () => {
    const database = await createTestDatabase();
    const environment = { DATABASE_URL: database.connectionString };
    await using stopping = await startProcess([], environment);
    await using staying = await startProcess([], environment);
    const ask = askHttp(stopping.httpUrl);
    await prepare(ask, "watched");
    using client = new PlainClient(
      loadProtoFiles(),
      "prokura.v1.TupleService",
      stopping.grpcAddress,
    );
    const { token } = await ask("AdminService", "ListNodes", { tenant: "watched" });
    const watch = client.serverStream("Watch", { tenant: "watched", token });
    const events: Plain[] = [];
    watch.on("data", (event: Plain) => events.push(event));
    const given = await ask("DelegationService", "Delegate", { tenant: "watched", ...consent });
    const seen = Promise.withResolvers<void>();
    watch.on("data", (event: Plain) => {
      if (JSON.stringify(event).includes(idOf(given))) seen.resolve();
    });
    if (JSON.stringify(events).includes(idOf(given))) seen.resolve();
    await seen.promise;
    const ended = once(watch, "error");
    assert.equal(await stopping.stop("SIGTERM"), 0);
    const [error] = await ended;
    assert.equal(error.code, status.UNAVAILABLE);
    const left = await askHttp(staying.httpUrl)("AdminService", "ListNodes", { tenant: "watched" });
    assert.equal(JSON.stringify(left).match(/"lease_id"/g)?.length, 1);
    assert.equal(await staying.stop("SIGTERM"), 0);
    await database.drop();
  });
});

suite("a server with the embedded database", () => {
  test("keeps its data, also when it was killed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "prokura-e2e-"));
    try {
      const first = await startProcess([`--data-dir=${folder}`], { DATABASE_URL: "" });
      const ask = askHttp(first.httpUrl);
      await prepare(ask, "kept");
      await ask("DelegationService", "Delegate", { tenant: "kept", ...consent });
      await first.stop("SIGKILL");
      const args = [`--data-dir=${folder}`, "--insecure-listen"];
      await using second = await startProcess(args, { DATABASE_URL: "" });
      const request = { tenant: "kept", ...call };
      const answer = await askHttp(second.httpUrl)("AuthorizationService", "Check", request);
      assert.equal(answer["verdict"], "VERDICT_ALLOWED");
      // The first process is proven to have ended: nobody waits for its lease.
      const revocation = { tenant: "kept", selector: { principal: consent.principal } };
      const revoked = await askHttp(second.httpUrl)("DelegationService", "Revoke", revocation);
      assert.match(JSON.stringify(revoked), /"nodes_acknowledged":1[,}]/);
      assert.equal(await second.stop("SIGTERM"), 0);
      assert.match(second.lines.join("\n"), /"msg":"stopped"/);
      assert.match(second.lines.join("\n"), /"level":"warn".*insecure-listen is set/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("ends with one line where it cannot listen", async () => {
    const folder = await mkdtemp(join(tmpdir(), "prokura-e2e-"));
    const taken = createServer();
    try {
      await once(taken.listen(0, "127.0.0.1"), "listening");
      const address = taken.address();
      assert(typeof address === "object" && address !== null);
      const args = [`--data-dir=${folder}`, `--grpc-listen=127.0.0.1:${address.port}`];
      await assert.rejects(startProcess(args, { DATABASE_URL: "" }), /cannot listen on/);
    } finally {
      taken.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("says what is wrong with an option, and starts nothing", async () => {
    await assert.rejects(
      startProcess(["--lease-kill=1s"], { DATABASE_URL: "" }),
      /--lease-kill must be at least 1.5 times --lease-serve/,
    );
  });
});

/** A tenant with the stock model, in which Alice may send from her mailbox by a registered tool. */
async function prepare(ask: Ask, tenant: string): Promise<void> {
  await ask("AdminService", "CreateTenant", { tenant });
  await ask("ModelService", "WriteModel", { tenant, text: stockModel });
  const operations = [
    { create: { object: mailbox, relation: "owner", subject: { object: alice } } },
    {
      create: {
        object: send,
        relation: "requires",
        subject: { object: { type: "permission", id: "mailbox/sender" } },
      },
    },
    {
      create: {
        object: send,
        relation: "eligible",
        subject: { wildcard: { type: "agent" } },
      },
    },
  ];
  await ask("TupleService", "WriteTuples", { tenant, operations });
}

function idOf(given: Plain): string {
  const [first]: unknown[] = Array.isArray(given["delegations"]) ? given["delegations"] : [];
  const id: unknown = Reflect.get(Object(first), "id");
  assert(typeof id === "string" && id !== "");
  return id;
}
