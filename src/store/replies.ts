import type { Database, Statement } from "./database.ts";

const replyStatement: Statement = {
  name: "reply_find",
  text: "select response from idempotency where tenant_id = $1 and caller_id = $2 and key = $3",
};

/** What was answered under an idempotency key, if it is kept; whether the request was the same is the writer's to judge. */
export async function findReply(
  database: Database,
  tenant: string,
  callerId: string,
  key: string,
): Promise<Uint8Array | undefined> {
  const values = [tenant, callerId, key];
  const [row] = await database.query<{ readonly response: Buffer }>(
    "reads",
    replyStatement,
    values,
  );
  return row?.response;
}
