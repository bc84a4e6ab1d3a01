import { Client } from "pg";
import { splitHashes, linkRows } from "../src/audit/chain.ts";
import { packRows, unpackRows } from "../src/audit/packing.ts";
import { verifyLog, type LogReport } from "../src/audit/verify-log.ts";
import type { SignedCheckpoint } from "../src/audit/checkpoint.ts";
import { logStorageOf } from "../src/service/database-log.ts";
import { readLog } from "../src/service/log-reader.ts";
import { Database } from "../src/store/database.ts";

export const tenant = "default";

/** A segment as its row has it, unpacked. */
export interface Segment {
  readonly chain: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  rows: string[];
  hashes: string[];
}

/** A copy of the database, for one tampering, with the means of whoever may write to it. */
export class LogCopy implements AsyncDisposable {
  readonly client: Client;
  readonly connectionString: string;
  readonly #admin: Client;
  readonly #name: string;

  private constructor(admin: Client, client: Client, connectionString: string, name: string) {
    this.#admin = admin;
    this.client = client;
    this.connectionString = connectionString;
    this.#name = name;
  }

  /** Nobody may be connected to the original. */
  static async make(original: string, number: number): Promise<LogCopy> {
    const from = new URL(original).pathname.slice(1);
    const name = `${from}_${number}`;
    const admin = await connect(original.replace(`/${from}`, "/postgres"));
    await admin.query(`create database ${name} template ${from}`);
    const connectionString = original.replace(`/${from}`, `/${name}`);
    return new LogCopy(admin, await connect(connectionString), connectionString, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.end();
    await this.#admin.query(`drop database ${this.#name} with (force)`);
    await this.#admin.end();
  }

  async run(text: string, ...values: unknown[]): Promise<number> {
    return (await this.client.query(text, values)).rowCount ?? 0;
  }

  /** One value of one row, as text. */
  async value(text: string, ...values: unknown[]): Promise<string> {
    const { rows } = await this.client.query<Record<string, unknown>>(text, values);
    return String(Object.values(rows[0] ?? {})[0]);
  }

  async segments(chain: string): Promise<Segment[]> {
    const { rows } = await this.client.query<{
      first_seq: string;
      last_seq: string;
      rows: Buffer;
      hashes: Buffer;
    }>(
      "select first_seq, last_seq, rows, hashes from log_segment where tenant_id = $1 and chain = $2 order by first_seq",
      [tenant, chain],
    );
    return rows.map((row) => ({
      chain,
      firstSeq: Number(row.first_seq),
      lastSeq: Number(row.last_seq),
      rows: [...(unpackRows(row.rows) ?? [])],
      hashes: [...splitHashes(row.hashes)],
    }));
  }

  /** Puts rows and hashes of segments back, as they are given. */
  async store(...segments: readonly Segment[]): Promise<void> {
    for (const { chain, firstSeq, rows, hashes } of segments) {
      await this.run(
        "update log_segment set rows = $4, hashes = $5 where tenant_id = $1 and chain = $2 and first_seq = $3",
        tenant,
        chain,
        firstSeq,
        packRows(rows.join("\n")),
        Buffer.from(hashes.join(""), "hex"),
      );
    }
  }

  /** Links every row of the chain anew, and its end: what anybody can do who has no key. */
  async relink(chain: string): Promise<void> {
    const segments = await this.segments(chain);
    let head = "0".repeat(64);
    for (const segment of segments) {
      const linked = linkRows(head, segment.rows);
      segment.hashes = [...splitHashes(linked.hashes)];
      head = linked.head;
    }
    await this.store(...segments);
    await this.run(
      "update log_chain set head_hash = $3, head_seq = $4 where tenant_id = $1 and chain = $2",
      tenant,
      chain,
      Buffer.from(head, "hex"),
      segments.at(-1)?.lastSeq ?? 0,
    );
  }

  /** A chain that is linked and filed as it should be, and that nobody signed. */
  async addChain(chain: string, rows: readonly string[]): Promise<void> {
    const { hashes, head } = linkRows("0".repeat(64), rows);
    await this.run(
      "insert into log_chain (tenant_id, chain, head_seq, head_hash) values ($1, $2, $3, $4)",
      tenant,
      chain,
      rows.length,
      Buffer.from(head, "hex"),
    );
    await this.run(
      `insert into log_segment (tenant_id, chain, first_seq, last_seq, from_ms, to_ms, terms, rows, hashes)
        values ($1, $2, 1, $3, 1, $3, '{}', $4, $5)`,
      tenant,
      chain,
      rows.length,
      packRows(rows.join("\n")),
      hashes,
    );
  }

  async verify(kept: readonly SignedCheckpoint[]): Promise<LogReport> {
    const database = new Database({
      connectionString: this.connectionString,
      log: () => undefined,
    });
    try {
      const parts = readLog(logStorageOf(database), tenant, new AbortController().signal);
      return await verifyLog(tenant, parts, { checkpoints: kept, keys: [] });
    } finally {
      await database.close();
    }
  }
}

async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  await client.connect();
  return client;
}
