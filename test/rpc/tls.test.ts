import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import type { ClientTls } from "../../src/client/client.ts";
import { parseTupleText } from "../../src/core/tuple.ts";
import { openTls, type TlsSource } from "../../src/rpc/tls.ts";
import { options, requestContext } from "../support/service-node.ts";
import { startGuarded, type GuardedServer } from "./callers.ts";

const folder = fileURLToPath(new URL("certificates/", import.meta.url));
const gatewayId = "spiffe://example.org/ns/prod/gateway";

suite("TLS", () => {
  let tls: TlsSource;
  let server: GuardedServer;
  let certificate: string;
  let key: string;
  const reported: unknown[] = [];
  before(async () => {
    const copies = await mkdtemp(join(tmpdir(), "prokura-tls-"));
    [certificate, key] = [join(copies, "cert.pem"), join(copies, "key.pem")];
    await copyFile(join(folder, "server.pem"), certificate);
    await copyFile(join(folder, "server.key"), key);
    const clientAuthority = join(folder, "authority.pem");
    const files = { certificate, key, clientAuthority };
    tls = await openTls(files, (error) => void reported.push(error), 20);
    server = await startGuarded({ tls });
    const steps = [
      {
        kind: "touch" as const,
        tuple: parseTupleText(`tenant:default#operator@caller:${gatewayId}`, "tuple"),
      },
    ];
    const request = { steps, preconditions: [] };
    await server.node.services.tuples.write(requestContext("system"), request, options);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    tls[Symbol.dispose]();
  });

  test("a client's SPIFFE id is who it is, and has what was granted to it", async () => {
    using client = server.client(undefined, await tlsOf("gateway"));
    await client.admin.listNodes({});
    await assert.rejects(client.admin.listApiKeys({}), { code: "caller_not_permitted" });
  });

  test("the same over HTTP", async () => {
    assert.equal(await httpStatus(await tlsOf("gateway")), 200);
    assert.equal(await httpStatus(await tlsOf("impostor")), 401);
    assert.equal(await httpStatus(await tlsOf()), 401);
  });

  for (const name of ["impostor", "nameless", undefined]) {
    test(`${name ?? "a client without a certificate"} is nobody`, async () => {
      using client = server.client(undefined, await tlsOf(name));
      await assert.rejects(client.admin.listNodes({}), { code: "unauthenticated" });
    });
  }

  test("a credential that is no good is not made good by a certificate", async () => {
    using client = server.client("no.good.token", await tlsOf("gateway"));
    await assert.rejects(client.admin.listNodes({}), { code: "unauthenticated" });
  });

  test("a client that does not know the server's authority does not speak to it", async () => {
    const authority = await readFile(join(folder, "stranger.pem"));
    using client = server.client(undefined, { authority });
    await assert.rejects(client.admin.listNodes({}, { deadlineMs: 2_000 }));
  });

  test("a new certificate is used when it is there, and a broken one never", async () => {
    const good = await readFile(certificate);
    await writeFile(certificate, "no certificate");
    while (reported.length === 0) await shownBy(server.httpPort);
    assert.equal(await shownBy(server.httpPort), "localhost");
    await writeFile(certificate, good);
    await copyFile(join(folder, "renewed.key"), key);
    await copyFile(join(folder, "renewed.pem"), certificate);
    for (const port of [server.httpPort, server.rpc.grpcPort]) {
      while ((await shownBy(port)) !== "localhost renewed");
    }
    using client = server.client(undefined, await tlsOf("gateway"));
    await client.admin.listNodes({});
  });

  async function httpStatus({ authority, own }: ClientTls): Promise<number> {
    const sent = request({
      host: "localhost",
      port: server.httpPort,
      method: "POST",
      path: "/prokura.v1.AdminService/ListNodes",
      headers: { "content-type": "application/json", "content-length": 2 },
      agent: false,
      ca: authority,
      cert: own?.certificate,
      key: own?.key,
    });
    sent.end("{}");
    const [response] = await once(sent, "response");
    response.resume();
    return Number(response.statusCode);
  }
});

/** What a client knows and has; without a name no certificate of its own. */
async function tlsOf(name?: string): Promise<ClientTls> {
  const authority = await readFile(join(folder, "authority.pem"));
  if (name === undefined) return { authority };
  const certificate = await readFile(join(folder, `${name}.pem`));
  return { authority, own: { certificate, key: await readFile(join(folder, `${name}.key`)) } };
}

/** The name in the certificate that a listener shows now. */
async function shownBy(port: number): Promise<string> {
  const protocols = ["h2", "http/1.1"];
  const socket = connect({
    port,
    host: "localhost",
    rejectUnauthorized: false,
    ALPNProtocols: protocols,
  });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}
