import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { Database, Statement } from "./database.ts";

const channel = "prokura_head";
const retryMs = 1_000;

const notifyStatement: Statement = {
  name: "hint_notify",
  text: `select pg_notify('${channel}', $1)`,
};

/** W5: tells all nodes that the tenant has moved. In a statement of its own, never in a write's transaction. */
export async function notifyHead(database: Database, tenant: string): Promise<void> {
  await database.query("hints", notifyStatement, [tenant]);
}

/**
 * Calls back with the tenant of every hint until it is closed. Hints may be lost, late or doubled:
 * nothing rests on them. `onGap` is called when the connection stands again after it was lost.
 */
export async function listenForHints(
  connectionString: string,
  onHint: (tenant: string) => void,
  onGap: () => void,
): Promise<{ close(): Promise<void> }> {
  let closed = false;
  let client = await connect();
  return {
    async close() {
      closed = true;
      client.ref();
      await client.end().catch(() => undefined);
    },
  };

  async function connect(): Promise<Client> {
    const next = new Client({
      connectionString,
      application_name: "prokura hints",
      keepAlive: true,
    });
    next.on("error", () => undefined); // The end follows, and is acted upon.
    next.on("notification", ({ payload }) => onHint(payload ?? ""));
    await next.connect();
    await next.query(`listen ${channel}`);
    next.unref();
    next.once("end", () => {
      if (!closed) void reconnect();
    });
    return next;
  }

  async function reconnect(): Promise<void> {
    while (!closed) {
      await sleep(retryMs, undefined, { ref: false });
      try {
        client = await connect();
        onGap();
        return;
      } catch {
        // The database is still away; the next attempt follows.
      }
    }
  }
}
