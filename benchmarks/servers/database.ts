import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "../../src/store/embedded-postgres.ts";

/** A PostgreSQL as `npm start` brings it, which writes to disk before it answers. Gone at the end. */
export async function startDatabase(): Promise<
  AsyncDisposable & { readonly environment: Readonly<Record<string, string>> }
> {
  const dataDir = await mkdtemp(join(tmpdir(), "prokura-bench-"));
  await chmod(dataDir, 0o755);
  const embedded = await startEmbeddedPostgres({ dataDir, log: () => {} });
  return {
    environment: { DATABASE_URL: embedded.connectionString },
    [Symbol.asyncDispose]: async () => {
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
