import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, suite, test } from "node:test";
import { startProcess, type ServerProcess } from "../rpc/server-process.ts";
import { createTestDatabase } from "../support/database.ts";
import { run, type Ran } from "./memory-terminal.ts";

const call = "--principal user:alice --actor agent:mailbot --tool tool:mail/send".split(" ");
const onMailbox = [...call, "--resource", "mailbox:alice"];

suite("the command line against a server", () => {
  let server: ServerProcess;
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "cli-"));
    const { connectionString } = await createTestDatabase();
    server = await startProcess([], { DATABASE_URL: connectionString });
    await done("model", "write", "schema/models/stock.fga");
    await done(
      "tuple",
      "write",
      "mcp_server:mail#eligible@agent:*",
      "mailbox:alice#owner@user:alice",
      "tool:mail/send#server@mcp_server:mail",
      "tool:mail/send#eligible@agent:*",
      "tool:mail/send#requires@permission:mailbox/sender",
    );
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  function prokura(...argv: readonly string[]): Promise<Ran> {
    return run(argv, { environment: { PROKURA_ADDRESS: server.grpcAddress } });
  }

  async function done(...argv: readonly string[]): Promise<string> {
    const ran = await prokura(...argv);
    assert.equal(ran.exitCode, 0, `${argv.join(" ")}\n${ran.output}${ran.errors}`);
    return ran.output;
  }

  async function delegate(...argv: readonly string[]): Promise<string> {
    const made = await done("delegate", "--json", ...argv);
    return JSON.parse(made).delegations[0].id;
  }

  test("a consent allows, its revocation denies, and the exit code says so", async () => {
    assert.equal((await prokura("check", ...onMailbox)).exitCode, 1);
    const id = await delegate(
      "--principal",
      "user:alice",
      "--delegate",
      "agent:mailbot",
      "--tool",
      "tool:mail/send",
      "--resource",
      "mailbox:alice",
      "--for",
      "1h",
      "--purpose",
      "answer the mail",
    );
    const allowed = await prokura("check", ...onMailbox);
    assert.equal(allowed.exitCode, 0);
    assert.match(allowed.output, new RegExp(`^ALLOWED .*\n +by delegation +${id}\n +valid until`));

    const why = await prokura("explain", ...onMailbox);
    assert.match(why.output, /└─ ✓ mailbox:alice#owner@user:alice/);
    assert.match(why.output, /purpose +answer the mail/);
    assert.match(await done("delegations", "list", "--principal", "user:alice"), new RegExp(id));
    assert.match(await done("delegations", "get", id), /delegate +agent:mailbot/);

    const dry = await prokura("revoke", "--actor", "agent:mailbot", "--dry-run");
    assert.match(dry.output, new RegExp(`would revoke 1 delegation\n +${id}`));
    assert.equal((await prokura("check", ...onMailbox)).exitCode, 0);
    await done("revoke", "--actor", "agent:mailbot", "--reason", "done");
    const denied = await prokura("check", ...onMailbox, "--json");
    assert.equal(denied.exitCode, 1);
    assert.equal(JSON.parse(denied.output).reason, "REASON_NO_DELEGATION");
    assert.equal((await prokura("revoke", "--actor", "agent:mailbot")).exitCode, 1);
  });

  test("a condition is given with the tool, and its parameters with the check", async () => {
    const tool = 'tool:mail/send if arguments_within {"allowed":["to=bob@example.com"]}';
    const id = await delegate(
      "--principal",
      "user:alice",
      "--delegate",
      "agent:bot2",
      "--tool",
      tool,
      "--resource",
      "mailbox:alice",
    );
    const ask = (...more: readonly string[]): Promise<Ran> =>
      prokura(
        "check",
        "--principal=user:alice",
        "--actor=agent:bot2",
        "--tool=tool:mail/send",
        "--resource=mailbox:alice",
        ...more,
      );
    assert.equal((await ask("--context", "arguments.to=bob@example.com")).exitCode, 0);
    assert.match(
      (await ask("--context", "arguments.to=eve@example.com")).output,
      /condition_failed/,
    );
    const missing = await ask();
    assert.equal(missing.exitCode, 1);
    assert.match(missing.output, /context_missing[^]*--context arguments=…/);
    await done("renew", id, "--for", "2h");
    await done("suspend", "agent:bot2", "--reason", "spam");
    const context = "arguments.to=bob@example.com";
    assert.match((await ask("--context", context)).output, /delegation_suspended|suspended/);
    await done("resume", "agent:bot2", "--all");
    assert.equal((await ask("--context", context)).exitCode, 0);
    assert.equal((await prokura("resume", "agent:bot2", "--all")).exitCode, 1);
  });

  test("what is exported is imported as it was, into another tenant", async () => {
    await done("tenant", "create", "copy");
    await done("model", "write", "schema/models/stock.fga", "--tenant", "copy");
    const lines = Array.from(
      { length: 2_345 },
      (_, index) => `document:d${index}#viewer@user:u${index % 7}`,
    );
    lines.push("document:d0#editor@group:a%20b#member until 2999-12-01T00:00:00.5Z", "# end", "");
    await writeFile(join(folder, "tuples.txt"), lines.join("\r\n"));
    assert.match(await done("tuple", "import", join(folder, "tuples.txt")), /^imported 2346\n/);

    for (const format of ["text", "jsonl"]) {
      const path = join(folder, `export.${format}`);
      await writeFile(path, await done("tuple", "export", "--format", format));
      await done("tuple", "import", path, "--tenant", "copy", "--chunk", "5000");
      const again = await done("tuple", "export", "--tenant", "copy", "--format", format);
      assert.equal(again, await readFile(path, "utf8"));
      assert.ok(again.split("\n").length > 2_346);
    }
    const deletion = ["tuple", "delete", "--object-type", "document", "--tenant", "copy"];
    assert.match(await done(...deletion, "--dry-run"), /would delete 2346/);
    assert.match(await done(...deletion), /deleted 2346/);
    assert.equal((await prokura(...deletion)).exitCode, 1);
  });

  test("an import that fails says how far it came, and goes on from there", async () => {
    const path = join(folder, "broken.txt");
    await writeFile(path, "folder:a#owner@user:a\nfolder:b#owner@user:a\nfolder:c owner user:a\n");
    const broken = await prokura("tuple", "import", path);
    assert.equal(broken.exitCode, 2);
    assert.match(broken.errors, /--resume 2\n/);
    assert.match(broken.errors, /broken\.txt:3/);
    assert.match(await done("tuple", "read", "--object", "folder:b"), /^folder:b#owner@user:a\n/);
    await writeFile(path, "oops\noops\nfolder:c#owner@user:a\n");
    // What stands before the line was stored; it is still read, and must be of the form.
    assert.equal((await prokura("tuple", "import", path, "--resume", "2")).exitCode, 2);
    await writeFile(path, "folder:a#owner@user:a\nfolder:b#owner@user:a\nfolder:c#owner@user:a\n");
    assert.match(await done("tuple", "import", path, "--resume", "2"), /^imported 1\n/);

    await writeFile(path, "folder:e#owner@user:a\nfolder:f#nope@user:a\n");
    const refused = await prokura("tuple", "import", path, "--chunk", "1");
    assert.match(refused.errors, /stored up to line 1[^]*unknown_relation/);
  });

  test("an imported tool keeps what an administrator wrote for it", async () => {
    const path = join(folder, "tools.json");
    const tools = [
      { name: "read", annotations: { readOnlyHint: true, openWorldHint: false } },
      { name: "write", annotations: { readOnlyHint: false } },
    ];
    await writeFile(path, JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools } }));
    const imported = ["tools", "import", path, "--server", "files"];
    const dry = await prokura(...imported, "--dry-run");
    assert.match(
      dry.output,
      /tool:files\/write +destructive-open +.*destructiveHint missing: worst case/,
    );
    assert.match(dry.output, /would store 6 tuples\nno agent is eligible/);
    assert.equal(await done("tuple", "read", "--object", "tool:files/write"), "");

    await done("tuple", "write", "tool:files/write#eligible@agent:trusted");
    assert.match(
      await done(...imported, "--ladder", "--server-eligible", "agent:*"),
      /stored 13 tuples/,
    );
    const stored = await done(
      "tuple",
      "read",
      "--object",
      "tool:files/write",
      "--relation",
      "eligible",
    );
    assert.equal(stored, "tool:files/write#eligible@agent:trusted\n");
    assert.match(await done(...imported), /stored 0 tuples; 2 tools keep what they have/);
    assert.match(
      await done("tools", "list"),
      /tool:files\/read +mcp_server:files +permission:mcp_server\/user +tier:read#member/,
    );
  });

  test("relations are asked for both ways", async () => {
    await done(
      "tuple",
      "write",
      "folder:shared#viewer@group:eng#member",
      "group:eng#member@user:bob",
    );
    assert.equal((await prokura("relation", "check", "folder:shared#viewer@user:bob")).exitCode, 0);
    assert.equal((await prokura("relation", "check", "folder:shared#owner@user:bob")).exitCode, 1);
    const objects = await done(
      "objects",
      "list",
      "--type=folder",
      "--relation=viewer",
      "--subject=user:bob",
    );
    assert.equal(objects, "folder:shared\n");
    const subjects = ["--object=folder:shared", "--relation=viewer", "--type=user"];
    assert.equal(await done("subjects", "list", ...subjects), "user:bob\n");
    assert.match(
      await done("expand", "folder:shared#viewer"),
      /^folder:shared#viewer\n└─ any of\n {3}├─ group:eng#member\n {3}│ {2}└─ user:bob/,
    );
    const assumed = ["--assuming", "group:eng#member@user:eve"];
    assert.equal(
      (await prokura("relation", "check", "folder:shared#viewer@user:eve", ...assumed)).exitCode,
      0,
    );
  });

  test("a model that is refused is shown line by line", async () => {
    const path = join(folder, "refused.fga");
    await writeFile(path, "model\n  schema 1.1\ntype doc\n  relations\n    define viewer: [usr]\n");
    const refused = await prokura("model", "write", path);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.errors, /5:12: error: .*`usr`/);
    assert.match(await done("model", "list"), /active/);
    assert.match(await done("model", "read"), /^type delegation$/m);
  });

  test("the nodes are shown, and a token is waited for", async () => {
    const written = await done("tuple", "write", "folder:w#owner@user:a", "--json");
    const { token } = JSON.parse(written).result;
    assert.match(await done("wait", token), /every node has applied it/);
    assert.match(await done("nodes"), /\(this one\) .* current/);
    assert.equal((await prokura("wait", "rubbish")).exitCode, 2);
  });

  test("the program prints changes as they come, and leaves quietly when nobody reads on", async () => {
    const environment = { ...process.env, PROKURA_ADDRESS: server.grpcAddress };
    const watching = spawn(
      process.execPath,
      ["bin/prokura.js", "watch", "--type", "folder", "--json"],
      {
        env: environment,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    try {
      const lines = createInterface({ input: watching.stdout })[Symbol.asyncIterator]();
      const first = await lines.next();
      // The first sign of life comes when the watch is set up.
      assert.match(String(first.value), /"heartbeat"/);
      await done("tuple", "write", "folder:seen#owner@user:a", "--reason", "to be seen");
      let { value } = await lines.next();
      while (String(value).includes("heartbeat")) ({ value } = await lines.next());
      const { operation, reason, tuples } = JSON.parse(String(value)).changes;
      assert.deepEqual([operation, reason], ["write_tuples", "to be seen"]);
      assert.equal(tuples[0].tuple.object.id, "seen");
    } finally {
      watching.kill("SIGTERM");
    }
    await once(watching, "exit");

    const exporting = spawn(process.execPath, ["bin/prokura.js", "tuple", "export"], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    exporting.stdout.destroy();
    const [code] = await once(exporting, "exit");
    assert.equal(code, 0);
  });
});
