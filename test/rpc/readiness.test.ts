import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { loadSync } from "@grpc/proto-loader";
import type { ClientReadableStream } from "@grpc/grpc-js";
import { protoPath } from "grpc-health-check";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../../src/store/embedded-postgres.ts";
import { removeWithProcess } from "../support/remains.ts";
import { AskError, askHttp } from "./asking.ts";
import { PlainClient, type Plain } from "./plain-grpc.ts";
import { startProcess, type ServerProcess } from "./server-process.ts";

/** Short enough to wait for. */
const terms = ["--lease-serve=1s", "--lease-kill=2s", "--lease-renew=200ms"];

/** A PostgreSQL that is stopped and started again, at one address. */
class Stoppable {
  readonly #folder: string;
  #running: EmbeddedPostgres | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Stoppable> {
    const folder = await mkdtemp(join(tmpdir(), "prokura-ready-"));
    removeWithProcess(folder);
    await chmod(folder, 0o755);
    const stoppable = new Stoppable(folder);
    await stoppable.start();
    return stoppable;
  }

  get address(): string {
    return `postgresql://prokura@${encodeURIComponent(join(this.#folder, "socket"))}/prokura`;
  }

  async start(): Promise<void> {
    const running = await startEmbeddedPostgres({
      dataDir: this.#folder,
      log: () => {},
      settings: { fsync: "off" },
    });
    const { host } = new URL(running.connectionString);
    await rm(join(this.#folder, "socket"), { force: true });
    await symlink(decodeURIComponent(host), join(this.#folder, "socket"));
    this.#running = running;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
  }
}

suite("readiness", () => {
  test("ends with the lease when the database stops, and comes back with it", async () => {
    const database = await Stoppable.make();
    await using server = await startProcess(terms, { DATABASE_URL: database.address });
    using client = new PlainClient(
      loadSync(protoPath, { enums: String }),
      "grpc.health.v1.Health",
      server.grpcAddress,
    );
    const health = client.serverStream("Watch", { service: "" });
    health.on("error", () => {}); // It is cancelled in the end.
    await becomes(health, "SERVING");
    assert.deepEqual(await pages(server), { readyz: 200, healthz: 200 });
    const ask = askHttp(server.httpUrl);

    await database.stop();
    await becomes(health, "NOT_SERVING");
    assert.deepEqual(await pages(server), { readyz: 503, healthz: 200 });
    const one = await client.unary("Check", { service: "prokura.v1.AuthorizationService" });
    assert.equal(one["status"], "NOT_SERVING");
    await assert.rejects(ask("AuthorizationService", "Check", question), (error: unknown) => {
      assert.ok(error instanceof AskError);
      return error.code === "not_serving";
    });
    const metrics = await (await fetch(`${server.httpUrl}/metrics`)).text();
    assert.ok(Number(/^prokura_replica_lease_age_ms (.+)$/m.exec(metrics)?.[1]) >= 1000);
    assert.ok(Number(/^prokura_replica_leases_lapsed (.+)$/m.exec(metrics)?.[1]) >= 1);

    await database.start();
    await becomes(health, "SERVING");
    assert.deepEqual(await pages(server), { readyz: 200, healthz: 200 });
    health.cancel();
    assert.equal(await server.stop("SIGTERM"), 0);
    await database.stop();
  });
});

const question = {
  principal: { type: "user", id: "alice" },
  actors: [{ type: "agent", id: "bot" }],
  tool: { type: "tool", id: "send" },
  accesses: [{ resource: { type: "mailbox", id: "alice" } }],
};

async function pages({ httpUrl }: ServerProcess): Promise<object> {
  const statusOf = async (path: string): Promise<number> =>
    (await fetch(`${httpUrl}${path}`)).status;
  return { readyz: await statusOf("/readyz"), healthz: await statusOf("/healthz") };
}

/** Resolves when the watch of the health says so. */
async function becomes(health: ClientReadableStream<Plain>, wanted: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = ({ status }: Plain): void => {
    if (status === wanted) resolve();
  };
  health.on("data", look);
  await promise;
  health.off("data", look);
}
