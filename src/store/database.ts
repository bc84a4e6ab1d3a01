import assert from "node:assert/strict";
import { Kysely, PostgresDialect } from "kysely";
import { Pool, types, type PoolClient, type PoolConfig } from "pg";
import { DomainError } from "../core/error.ts";
import { asDomainError, inOneFlight } from "./database-error.ts";
import type { Schema } from "./schema.ts";

export interface DatabaseOptions {
  readonly connectionString: string;
  /** Told what goes wrong on connections that nobody is using, a line each. */
  readonly log: (message: string) => void;
  readonly readConnectionsMax?: number;
  readonly writeConnectionsMax?: number;
  /** How long a write waits for the tenant's lock, which another node may hold. */
  readonly lockTimeoutMs?: number;
  /** By which others can prove that this process has ended; only where all share one kernel. */
  readonly ownProcess?: string;
}

/**
 * A statement that PostgreSQL plans once a connection: what the hot paths send. The name stands for
 * the text, so two statements never share one.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** One connection for as long as it is lent. */
export interface Session {
  query<Row extends object>(statement: Statement, values: readonly unknown[]): Promise<Row[]>;
}

const statementTimeoutMs = 15_000;
const lockTimeoutMs = 10_000;
const idleTimeoutMs = 10_000;
const connectTimeoutMs = 5_000;

/**
 * The connections of a node, apart by purpose, so that slow reads never hold up a renewal. No
 * statement goes on for ever, but for one thing: the wait of a durable commit for a standby is neither
 * bounded nor cancelled (REVOCATION W3; PostgreSQL's time limits end before it). So `writes` and
 * `leases` have limits of the server alone, `reads` and `hints` of this side as well. A node that
 * stands still in the middle of a write loses its session, and with it the tenant's lock.
 */
export class Database {
  readonly kysely: Kysely<Schema>;
  readonly #pools: Readonly<Record<PoolName, Pool>>;
  readonly #connectionString: string;
  readonly ownProcess: string | undefined;

  constructor(options: DatabaseOptions) {
    this.ownProcess = options.ownProcess;
    const bounded = { query_timeout: statementTimeoutMs + 2_000 };
    this.#connectionString = options.connectionString;
    this.#pools = {
      reads: makePool(options, "reads", options.readConnectionsMax ?? 12, {
        ...bounded,
        pipeline: true,
      }),
      writes: makePool(options, "writes", options.writeConnectionsMax ?? 8, { pipeline: true }),
      leases: makePool(options, "leases", 2, {}),
      hints: makePool(options, "hints", 2, bounded),
      log: makePool(options, "log", 1, { ...bounded, pipeline: true }),
    };
    this.kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: this.#pools.reads }) });
  }

  get connectionString(): string {
    return this.#connectionString;
  }

  /**
   * One statement in a transaction of its own. Fails with `not_serving` where the database is away, and
   * with `outcome_unknown` where a durable one is done here and perhaps not on the standby (W3).
   */
  async query<Row extends object>(
    pool: PoolName,
    statement: Statement,
    values: readonly unknown[],
  ): Promise<Row[]> {
    if (isDurable(pool)) {
      return await this.lend(pool, (client) =>
        expectNoWarning(client, () => sessionOf(client).query<Row>(statement, values)),
      );
    }
    try {
      const { rows } = await this.#pools[pool].query<Row>({ ...statement, values: [...values] });
      return rows;
    } catch (error) {
      throw asDomainError(error);
    }
  }

  /** One statement that reads, planned for these values. */
  async readOnce<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return (await this.#pools.reads.query<Row>(text, [...values])).rows;
    } catch (error) {
      throw asDomainError(error);
    }
  }

  /**
   * Runs the reads on one snapshot: all see the same head. Statements that are sent together are one
   * flight, and the beginning goes along with the first of them.
   */
  snapshot<Value>(reads: (session: Session) => Promise<Value>): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    this.lend("reads", async (client) => {
      const begin = client.query("begin isolation level repeatable read read only");
      const [value] = await inOneFlight([reads(sessionOf(client)), begin]);
      resolve(value);
      // Of what was read nothing hangs on it, only when the connection can be lent again.
      await client.query("commit");
    }).catch(reject);
    return promise;
  }

  /** A connection that throws is closed, never lent again: nothing is known of its state. */
  async lend<Value>(pool: PoolName, use: (client: PoolClient) => Promise<Value>): Promise<Value> {
    let client: PoolClient;
    try {
      client = await this.#pools[pool].connect();
    } catch (error) {
      throw asDomainError(error);
    }
    const ignore = (): void => undefined; // A query in flight is rejected as well, and it is awaited.
    client.on("error", ignore);
    let broken = true;
    try {
      const value = await use(client);
      broken = false;
      return value;
    } catch (error) {
      throw asDomainError(error);
    } finally {
      client.off("error", ignore);
      client.release(broken);
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#pools).map((pool) => pool.end()));
  }
}

export function sessionOf(client: PoolClient): Session {
  return {
    query: async <Row extends object>(statement: Statement, values: readonly unknown[]) =>
      (await client.query<Row>({ ...statement, values: [...values] })).rows,
  };
}

/**
 * A wait for the standby that is cancelled, or that the session's end cuts off, is reported as a success
 * with a warning. Nobody knows then whether a failover would keep what was done.
 */
export async function expectNoWarning<Value>(
  client: PoolClient,
  use: () => Promise<Value>,
): Promise<Value> {
  const warnings: string[] = [];
  const note = (notice: {
    readonly severity?: string | undefined;
    readonly message?: string | undefined;
  }): void => {
    if (notice.severity === "WARNING") warnings.push(notice.message ?? "");
  };
  client.on("notice", note);
  try {
    const value = await use();
    if (warnings.length > 0) throw outcomeUnknown(warnings[0]);
    return value;
  } finally {
    client.off("notice", note);
  }
}

export function outcomeUnknown(cause: unknown): DomainError {
  return new DomainError(
    "outcome_unknown",
    "the write may or may not have been committed, read before it is sent again",
    { cause },
  );
}

export type PoolName = "reads" | "writes" | "leases" | "hints" | "log";

function isDurable(pool: PoolName): boolean {
  return pool === "writes" || pool === "leases" || pool === "log";
}

/** Numbers of PostgreSQL that are not safe integers have no place in this schema. */
function parseBigint(text: string): number {
  const value = Number(text);
  assert(Number.isSafeInteger(value), `\`${text}\` is no safe integer`);
  return value;
}

const bigintType = 20;

/**
 * Every statement is served by an index. A plan that was made while a table was small, and is kept,
 * must not scan it when it has grown.
 */
const planByIndex: readonly string[] = [
  "enable_seqscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
];

function makePool(
  options: DatabaseOptions,
  purpose: PoolName,
  connectionsMax: number,
  config: PoolConfig,
): Pool {
  const pool = new Pool({
    ...config,
    connectionString: options.connectionString,
    application_name: `prokura ${purpose}`,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    allowExitOnIdle: true,
    options: [
      `synchronous_commit=${isDurable(purpose) ? "on" : "off"}`,
      `statement_timeout=${statementTimeoutMs}`,
      `lock_timeout=${options.lockTimeoutMs ?? lockTimeoutMs}`,
      `idle_in_transaction_session_timeout=${idleTimeoutMs}`,
      ...planByIndex,
      // Planned for given values, a page of one object was looked for along the index by subject, past
      // every subject that there is, wherever statistics were old.
      ...(purpose === "reads" ? ["plan_cache_mode=force_generic_plan"] : []),
      // These know their statements beforehand: each is planned once. Else PostgreSQL plans one that
      // takes an array anew each time, which costs more than to carry it out.
      ...(purpose === "reads" ? [] : ["plan_cache_mode=force_generic_plan"]),
    ]
      .map((setting) => `-c ${setting}`)
      .join(" "),
    types: {
      getTypeParser: (oid: number, format?: "text" | "binary") =>
        oid === bigintType ? parseBigint : types.getTypeParser(oid, format ?? "text"),
    },
  });
  pool.on("error", (error) => options.log(`a connection for ${purpose} ended: ${error.message}`));
  return pool;
}

/** The first row, where a statement always has one. */
export function onlyRow<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new DomainError("not_serving", "the database sent no row");
  return row;
}
