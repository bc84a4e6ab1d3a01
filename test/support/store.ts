import { Database } from "../../src/store/database.ts";
import type { Mutation, MutationResult, TupleStep } from "../../src/store/mutation.ts";
import { createTenant } from "../../src/store/tenants.ts";
import { createWriter, type Writer } from "../../src/store/writer.ts";
import { parseTupleText, type RelationTuple } from "../../src/core/tuple.ts";
import { createTestDatabase } from "./database.ts";

/** A store on a database of its own, with a tenant `acme`. */
export interface TestStore extends AsyncDisposable {
  readonly database: Database;
  readonly writer: Writer;
  readonly tenant: string;
  readonly connectionString: string;
  write(...steps: readonly TupleStep[]): Promise<MutationResult>;
}

export async function openTestStore(): Promise<TestStore> {
  const created = await createTestDatabase();
  const { connectionString } = created;
  const database = new Database({ connectionString, log: () => undefined });
  const { id: tenant } = await createTenant(database, "acme");
  const writer = createWriter(database);
  return {
    database,
    writer,
    tenant,
    connectionString,
    write: (...steps) => writer.write(mutation({ steps })),
    async [Symbol.asyncDispose]() {
      await writer.close();
      await database.close();
      await created.drop();
    },
  };
}

/** A mutation of tenant `acme` that changes nothing but what is said. */
export function mutation(parts: Partial<Mutation>): Mutation {
  return {
    tenant: "acme",
    caller: { id: "test", proof: { kind: "process" } },
    operation: "write_tuples",
    reason: "",
    steps: [],
    preconditions: [],
    records: [],
    urgent: false,
    ...parts,
  };
}

/** Reads `object#relation@subject`, which expires where a time is given. */
export function tuple(text: string, expiresAtMs?: number): RelationTuple {
  const parsed = parseTupleText(text, "tuple");
  return expiresAtMs === undefined ? parsed : { ...parsed, expiresAtMs };
}

export function create(text: string, expiresAtMs?: number): TupleStep {
  return { kind: "create", tuple: tuple(text, expiresAtMs) };
}

export function touch(text: string, expiresAtMs?: number): TupleStep {
  return { kind: "touch", tuple: tuple(text, expiresAtMs) };
}

export function remove(text: string): TupleStep {
  return { kind: "delete", tuple: tuple(text) };
}
