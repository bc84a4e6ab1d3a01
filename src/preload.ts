import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { DomainError } from "./core/error.ts";
import type { ReplicaMachine } from "./replica/machine.ts";
import type { Database } from "./store/database.ts";
import { readObjectsAfter } from "./store/objects.ts";

const progressEveryMs = 5_000;
const retryMs = 15_000;

/** Loads the graphs of the tenants that are named, one after the other, until the signal; it never fails. */
export async function preloadTenants(
  config: Config,
  log: Logger,
  database: Database,
  replica: ReplicaMachine,
  signal: AbortSignal,
): Promise<void> {
  for (const tenant of config.preload) {
    while (!signal.aborted && !(await preloadTenant(tenant, log, database, replica, signal))) {
      // A pause that is broken off is the end.
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** True where there is nothing left to do. */
async function preloadTenant(
  tenant: string,
  log: Logger,
  database: Database,
  replica: ReplicaMachine,
  signal: AbortSignal,
): Promise<boolean> {
  const startedMs = performance.now();
  let toldMs = startedMs;
  const facts = (objects: number) => ({
    tenant,
    objects,
    held_bytes: replica.heldBytes,
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
  });
  try {
    const { objects, skipped, isWhole } = await replica.preload(tenant, {
      objectsAfter: (of, after) => readObjectsAfter(database, of, after),
      onProgress: (loaded) => {
        if (performance.now() - toldMs < progressEveryMs) return;
        toldMs = performance.now();
        log.info(facts(loaded), "loading a tenant ahead");
      },
      signal,
    });
    if (isWhole) log.info({ ...facts(objects), skipped }, "a tenant is loaded ahead");
    else log.warn({ ...facts(objects), skipped }, "a tenant is loaded ahead as far as memory goes");
    return true;
  } catch (error) {
    if (signal.aborted) return true;
    const code = error instanceof DomainError ? error.code : undefined;
    log.warn({ tenant, err: error }, "loading a tenant ahead failed");
    return code === "tenant_not_found";
  }
}
