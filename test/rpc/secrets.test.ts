import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client as Postgres } from "pg";
import { createClient, type Client } from "../../src/client/client.ts";
import { issuerName, startIssuer } from "../identity/issuing.ts";
import { createTestDatabase } from "../support/database.ts";
import { startProcess, type ServerProcess } from "./server-process.ts";

const program = fileURLToPath(new URL("../../bin/prokura.js", import.meta.url));
const password = "the-password-of-the-database";

/** Everything that a thief could use, and what of it must not be found where it was not shown. */
suite("secrets", () => {
  let server: ServerProcess;
  let connectionString: string;
  const secrets: string[] = [password];
  before(async () => {
    ({ connectionString } = await createTestDatabase());
    // The test's PostgreSQL asks for none: it stands in the address all the same.
    const withPassword = connectionString.replace(/:\/\/([^@:/]*)@/, `://$1:${password}@`);
    assert.ok(withPassword.includes(password));
    const environment = { ...process.env, DATABASE_URL: withPassword };
    const init = [program, "admin", "init"];
    const { stdout } = await promisify(execFile)(process.execPath, init, { env: environment });
    const administrator = remember(stdout.trim());
    const issuer = await startIssuer();
    const issuers = join(await mkdtemp(join(tmpdir(), "prokura-issuers-")), "issuers.yaml");
    const entry = `issuer: ${issuerName}\n    jwks_file: ${issuer.keyFile}\n    audience:`;
    await writeFile(
      issuers,
      `callers:\n  - ${entry} prokura\nprincipals:\n  - ${entry} tools\n    consent: { clients: [screen] }\n`,
    );
    const args = ["--authentication=required", `--issuers=${issuers}`, "--log-level=trace"];
    server = await startProcess(args, { DATABASE_URL: withPassword });
    const callers = [
      administrator,
      remember(await issuer.token("prokura", { sub: "gateway" })),
      remember(await issuer.token("another", { sub: "gateway" })),
      remember(`${administrator.slice(0, -1)}x`),
      remember(`prokura_nonsense_${"s".repeat(40)}`),
    ];
    const shown = [
      remember(await issuer.token("tools", { azp: "screen", jti: "j1" })),
      remember(await issuer.token("tools", { azp: "screen", exp: 1_000 })),
    ];
    await prepare(administrator);
    for (const token of callers) {
      using client = createClient({ address: server.grpcAddress, token });
      for (const proof of shown) await useAll(client, proof);
      await overHttp(token, shown[0] ?? "");
    }
  });
  after(() => server[Symbol.asyncDispose]());

  test("are in no line of the log, not even where everything is logged", () => {
    assert.ok(server.lines.length > 10);
    const log = server.lines.join("\n");
    for (const secret of secrets) assert.ok(!log.includes(secret), `${secret.slice(0, 8)}…`);
  });

  test("are in no table of the database", async () => {
    await using parts = new AsyncDisposableStack();
    const postgres = new Postgres({ connectionString });
    await postgres.connect();
    parts.defer(() => postgres.end());
    const { rows: tables } = await postgres.query<{ readonly name: string }>(
      "select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
    );
    assert.ok(tables.length > 5);
    const { rows: kept } = await postgres.query(
      "select 1 from delegation_record r where to_jsonb(r)::text like '%j1%'",
    );
    assert.ok(kept.length > 0, "a consent is kept");
    let seen = 0;
    for (const { name } of tables) {
      const { rows } = await postgres.query<{ readonly text: string }>(
        `select to_jsonb(t)::text as text from ${name} t`,
      );
      seen += rows.length;
      const all = rows.map(({ text }) => text).join("\n");
      for (const secret of secrets) {
        assert.ok(!all.includes(secret), `${name}: ${secret.slice(0, 8)}…`);
        const inBytes = Buffer.from(secret).toString("hex");
        assert.ok(!all.includes(inBytes), `${name}: ${secret.slice(0, 8)}… in bytes`);
      }
    }
    assert.ok(seen > 10);
  });

  /** Keeps what must not be found: of a token its signature, of a key its secret. */
  function remember(credential: string): string {
    const secret = credential.startsWith("prokura_")
      ? credential.split("_").slice(2).join("_")
      : (credential.split(".").at(-1) ?? "");
    // Of a few characters there would be no telling whether they are the secret.
    assert.ok(secret.length >= 16, "a secret is long");
    secrets.push(credential, secret);
    return credential;
  }

  /** So that there is something to delegate, and a consent to keep. */
  async function prepare(token: string): Promise<void> {
    using client = createClient({ address: server.grpcAddress, token });
    const file = new URL("../../schema/models/stock.fga", import.meta.url);
    const text = await readFile(file, "utf8");
    await client.model.writeModel({ source: { case: "text", value: text } });
  }

  /** Whether it is let in or not. */
  async function useAll(client: Client, token: string): Promise<void> {
    const call = {
      tool: { type: "tool", id: "send" },
      accesses: [{ resource: { type: "mailbox", id: "alice" } }],
      bearerToken: token,
    };
    const given = {
      principal: { type: "user", id: "alice" },
      delegate: { type: "agent", id: "b" },
    };
    const covers = (type: string, id: string) => ({
      subject: { subject: { case: "object" as const, value: { type, id } } },
    });
    const pairs = [{ tools: [covers("tool", "send")], resources: [covers("mailbox", "alice")] }];
    const attempts = [
      () => client.authorization.check(call),
      () => client.authorization.batchCheck({ items: [call] }),
      () => client.authorization.listTools({ bearerToken: token }),
      () => client.delegation.delegate({ ...given, pairs, proofToken: token }),
      () => client.delegation.listDelegations({ proofToken: token }),
      () => client.delegation.revoke({ selector: given, proofToken: token }),
      () => client.admin.createApiKey({ name: "x", permissions: ["checker"] }),
    ];
    for (const attempt of attempts) {
      const answer: unknown = await attempt().catch((error: unknown) => error);
      if (typeof answer === "object" && answer !== null && "secret" in answer) {
        remember(String(answer.secret));
      }
    }
  }

  async function overHttp(token: string, bearerToken: string): Promise<void> {
    const answer = await fetch(`${server.httpUrl}/prokura.v1.AuthorizationService/Check`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ bearerToken }),
    });
    await answer.arrayBuffer();
  }
});
