import assert from "node:assert/strict";
import { startProcess } from "../rpc/server-process.ts";
import { createTestDatabase } from "../support/database.ts";
import { run, type Ran } from "./memory-terminal.ts";

/** A server of its own with the stock model, and the command line that asks it. */
export interface Served extends AsyncDisposable {
  readonly address: string;
  /** Words apart by blanks, then whole arguments, which may have blanks. */
  readonly prokura: CommandLine<Ran>;
  /** The output of a command line that must end with 0. */
  readonly done: CommandLine<string>;
}

type CommandLine<Result> = (words: string, ...more: readonly string[]) => Promise<Result>;

export async function startServed(
  environment: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const { connectionString } = await createTestDatabase();
  const server = await startProcess([], { DATABASE_URL: connectionString, ...environment });
  const prokura: CommandLine<Ran> = (words, ...more) =>
    run([...words.split(" "), ...more], { environment: { PROKURA_ADDRESS: server.grpcAddress } });
  const done: CommandLine<string> = async (words, ...more) => {
    const ran = await prokura(words, ...more);
    assert.equal(ran.exitCode, 0, `${words} ${more.join(" ")}\n${ran.output}${ran.errors}`);
    return ran.output;
  };
  await done("model write schema/models/stock.fga");
  return {
    address: server.grpcAddress,
    prokura,
    done,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
