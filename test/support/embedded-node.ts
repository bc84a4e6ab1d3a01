import { Database } from "../../src/store/database.ts";
import { startEmbeddedPostgres } from "../../src/store/embedded-postgres.ts";
import { migrate, readMigrations } from "../../src/store/migrations.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { createWriter } from "../../src/store/writer.ts";
import { DomainError } from "../../src/core/error.ts";
import { create, mutation } from "./store.ts";

/**
 * A node to be killed: it writes without end to the data folder that it is given, and says which
 * writes were answered, a line each, and the process of its PostgreSQL first.
 */
const [, , dataDir = "", first = "0"] = process.argv;
const embedded = await startEmbeddedPostgres({ dataDir, log: () => undefined });
say(`postgres ${embedded.processId}`);
await migrate(embedded.connectionString, await readMigrations());
const database = new Database({
  connectionString: embedded.connectionString,
  log: () => undefined,
});
await createTenant(database, "acme").catch((error: unknown) => {
  if (!(error instanceof DomainError) || error.code !== "tenant_exists") throw error;
});
const writer = createWriter(database);
let next = Number(first);
await Promise.all(Array.from({ length: 8 }, writeForEver));

async function writeForEver(): Promise<void> {
  for (;;) {
    const id = `w${next}`;
    next += 1;
    try {
      const { kind } = await writer.write(mutation({ steps: [create(`doc:${id}#viewer@user:a`)] }));
      say(`${kind} ${id}`);
    } catch (error) {
      // PostgreSQL is being killed underneath: these writes are promised to nobody.
      if (!(error instanceof DomainError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
