import { open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../../src/store/database.ts";

/** By which each line of PostgreSQL's log says on whose connection it was asked. */
export const logPrefix = "%a: ";

/**
 * What PostgreSQL's own log says that it was asked during the run: how often, by the purpose of the
 * connection and the statement's name or verb.
 */
export async function countStatements(
  database: Database,
  logFile: string,
  run: () => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  await setLogging(database, "all");
  const { size: from } = await stat(logFile);
  await run();
  const { size: upTo } = await stat(logFile);
  await setLogging(database, "none");
  const counts = new Map<string, number>();
  for (const [, purpose, name, verb] of (await read(logFile, from, upTo)).matchAll(
    /^prokura (\w+): LOG: {2}(?:execute ([^:]+):|statement: (\w+))/gm,
  )) {
    const key = `${purpose} ${name ?? verb}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

async function setLogging(database: Database, what: "all" | "none"): Promise<void> {
  await database.query(
    "reads",
    { name: `log_${what}`, text: `alter system set log_statement = '${what}'` },
    [],
  );
  await database.query("reads", { name: "log_reload", text: "select pg_reload_conf()" }, []);
  // Every session takes it over before its next statement, once the signal has arrived.
  await sleep(500);
}

async function read(path: string, from: number, upTo: number): Promise<string> {
  await using file = await open(path);
  const bytes = Buffer.alloc(upTo - from);
  await file.read(bytes, 0, bytes.length, from);
  return bytes.toString("utf8");
}
