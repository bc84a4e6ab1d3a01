import { DomainError } from "../core/error.ts";

/**
 * What a failed statement means to a caller. An error that tells of a bug of ours, as a broken
 * constraint does, comes back as it is.
 */
export function asDomainError(error: unknown): Error {
  if (error instanceof DomainError) return error;
  const code = sqlStateOf(error);
  if (code === undefined ? isConnectionError(error) : unavailable.test(code)) {
    return new DomainError("not_serving", "the database is away", { cause: error });
  }
  if (code === "57014") {
    return new DomainError("not_serving", "the database took too long", { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** The five characters by which PostgreSQL names an error; `undefined` where it did not speak. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("severity" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * What statements that were sent together answered. Where one fails, those behind it only say so: the
 * error is that of the first, however late its promise hears of it.
 */
export async function inOneFlight<const Statements extends readonly Promise<unknown>[]>(
  statements: Statements,
): Promise<{ -readonly [Each in keyof Statements]: Awaited<Statements[Each]> }> {
  try {
    return await Promise.all(statements);
  } catch (error) {
    if (sqlStateOf(error) !== inFailedTransaction) throw error;
    for (const each of await Promise.allSettled(statements)) {
      if (each.status === "rejected" && sqlStateOf(each.reason) !== inFailedTransaction) {
        throw each.reason;
      }
    }
    throw error;
  }
}

const inFailedTransaction = "25P02";

/** Deadlock and serialization failure: the same transaction may well succeed the next time. */
export function isTransient(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === "40001" || code === "40P01";
}

/**
 * Connection exceptions, shutdown and start, too many connections, a read-only server, a session that
 * idled in a transaction, a lock that another holds for too long, a standby.
 */
const unavailable = /^(08...|57P..|53300|25006|25P03|55P03|55000)$/;

function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && typeof error.code === "string" && error.code.startsWith("E")) return true;
  return /^(Connection terminated|timeout exceeded|Query read timeout|Client has encountered a connection error|Cannot use a pool after|Client was closed)/.test(
    error.message,
  );
}
