import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startProcess, type ServerProcess } from "../rpc/server-process.ts";
import { createTestDatabase } from "../support/database.ts";
import { run } from "./memory-terminal.ts";

const program = fileURLToPath(new URL("../../bin/prokura.js", import.meta.url));

suite("a server that asks who calls, from its first key on", () => {
  let server: ServerProcess;
  let administrator: string;
  before(async () => {
    const { connectionString } = await createTestDatabase();
    const environment = { ...process.env, DATABASE_URL: connectionString };
    const init = [program, "admin", "init"];
    const { stdout } = await promisify(execFile)(process.execPath, init, { env: environment });
    administrator = stdout.trim();
    const args = ["--authentication=required"];
    server = await startProcess(args, { DATABASE_URL: connectionString });
  });
  after(() => server[Symbol.asyncDispose]());

  test("says that callers must show who they are", () => {
    assert.match(server.lines.join("\n"), /"authentication":"required"/);
  });

  test("the first administrator's key is one word, and does everything", async () => {
    assert.match(administrator, /^prokura_k[0-9a-z]{25}_[\w-]{43}$/);
    const environment = asked(administrator);
    const written = await run(words("model write schema/models/stock.fga"), { environment });
    assert.equal(written.exitCode, 0, written.errors);
    const tenant = await run(words("tenant create acme"), { environment });
    assert.equal(tenant.exitCode, 0, tenant.errors);
  });

  test("nobody is told to show a credential", async () => {
    const ran = await run(words("tenant list"), { environment: asked(undefined) });
    assert.equal(ran.exitCode, 2);
    assert.match(ran.errors, /no credential was shown/);
  });

  test("a key is made, listed, used and revoked", async () => {
    const made = await run(
      words("key create --name gateway --permission checker --for 1h --json"),
      {
        environment: asked(administrator),
      },
    );
    const { key, secret } = JSON.parse(made.output);
    const question = words("model read");
    assert.equal((await run(question, { environment: asked(secret) })).exitCode, 0);
    const listed = await run(words("key list"), { environment: asked(administrator) });
    assert.match(listed.output, new RegExp(`${key.id} .*gateway.*checker.*good`));
    assert.ok(!listed.output.includes(secret));
    const revoked = await run([...words("key revoke"), key.id], {
      environment: asked(administrator),
    });
    assert.equal(revoked.exitCode, 0, revoked.errors);
    const late = await run(question, { environment: asked(secret) });
    assert.match(late.errors, /expired or was revoked/);
    const relisted = await run(words("key list"), { environment: asked(administrator) });
    assert.match(relisted.output, new RegExp(`${key.id} .*revoked`));
  });

  test("a secret stands in no line of the log", () => {
    assert.ok(!server.lines.join("\n").includes(administrator));
  });

  function asked(token: string | undefined): Readonly<Record<string, string>> {
    const address = { PROKURA_ADDRESS: server.grpcAddress };
    return token === undefined ? address : { ...address, PROKURA_TOKEN: token };
  }
});

function words(line: string): readonly string[] {
  return line.split(" ");
}
