import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startEmbeddedPostgres } from "../../src/store/embedded-postgres.ts";

/** A PostgreSQL as `npm start` brings it, which writes to disk before it answers. Gone at the end. */
export interface BenchDatabase extends AsyncDisposable {
  readonly environment: { readonly DATABASE_URL: string };
  /** Counts what is stored, for its planner. By itself it would do so within a minute. */
  analyze(): Promise<void>;
}

export async function startDatabase(): Promise<BenchDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), "prokura-bench-"));
  await chmod(dataDir, 0o755);
  const embedded = await startEmbeddedPostgres({ dataDir, log: () => {} });
  return {
    environment: { DATABASE_URL: embedded.connectionString },
    async analyze() {
      const client = new Client({ connectionString: embedded.connectionString });
      await client.connect();
      await client.query("analyze");
      await client.end();
    },
    [Symbol.asyncDispose]: async () => {
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
