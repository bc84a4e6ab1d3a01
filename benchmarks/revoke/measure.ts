import { setTimeout as sleep } from "node:timers/promises";
import { agent, document, itemOf, questions, tool, userOf } from "../../chaos/world.ts";
import type { Client } from "../../src/client/client.ts";
import { parseToken } from "../../src/core/revision.ts";
import { Verdict } from "../../src/gen/prokura/v1/authorization_pb.ts";
import type { Database } from "../../src/store/database.ts";

/** One revocation. */
export interface Sample {
  /** From the call to its answer. */
  readonly returnMs: number;
  /** Of each node: from the commit to the first answer that denies. */
  readonly denyMs: readonly number[];
  /** Checks that were sent after the return, and allowed. There must be none. */
  readonly allowedAfterReturn: number;
}

interface Denial {
  readonly firstMs: number;
  readonly allowedAtMs: number;
}

const question = questions[0] ?? failed();
const tenant = "default";

/**
 * Lets the agent act, revokes that on the first node, and polls all nodes meanwhile. `prepare` is
 * called in between, when all of them allow.
 */
export async function revokeOnce(
  database: Database,
  clients: readonly Client[],
  prepare: () => void = () => {},
): Promise<Sample> {
  const [first] = clients;
  if (first === undefined) throw new Error("there is no node");
  await first.delegation.delegate({
    principal: userOf(question.user),
    delegate: agent,
    pairs: [{ tools: [coverage(tool)], resources: [coverage(document)] }],
  });
  const polls = clients.map(pollUntilDenied);
  // Before it can be taken away everybody must have it.
  await Promise.all(polls.map(({ allowed }) => allowed));
  const polling = polls.map(({ denied }) => denied);
  prepare();
  await sleep(5 + Math.random() * 10);
  const invokedMs = wallMs();
  const { result } = await first.delegation.revoke({
    selector: { principal: userOf(question.user) },
  });
  const returnedMs = wallMs();
  const denials = await Promise.all(polling);
  const { revision } = parseToken(result?.token ?? "", tenant, "token");
  const committedMs = await commitMs(database, revision);
  return {
    returnMs: returnedMs - invokedMs,
    denyMs: denials.map(({ firstMs }) => firstMs - committedMs),
    allowedAfterReturn: denials.filter(({ allowedAtMs }) => allowedAtMs > returnedMs).length,
  };
}

/** So many checks a second until the signal, twenty to a call. Returns how many there really were. */
export async function load(
  client: Client,
  perSecond: number,
  signal: AbortSignal,
): Promise<number> {
  const items = Array.from({ length: 20 }, (_, at) => itemOf(questions[at] ?? question));
  const startedMs = performance.now();
  let sent = 0;
  while (!signal.aborted) {
    await client.authorization.batchCheck({ items });
    sent += items.length;
    const dueMs = startedMs + (sent / perSecond) * 1000;
    await sleep(Math.max(0, dueMs - performance.now()));
  }
  return (sent / (performance.now() - startedMs)) * 1000;
}

export async function warmChecks(client: Client, count: number): Promise<void> {
  const items = Array.from({ length: 100 }, (_, at) => itemOf(questions[at % 8] ?? question));
  for (let done = 0; done < count; done += items.length) {
    await client.authorization.batchCheck({ items });
  }
}

function pollUntilDenied(client: Client): {
  readonly allowed: Promise<void>;
  readonly denied: Promise<Denial>;
} {
  const allowed = Promise.withResolvers<void>();
  return { allowed: allowed.promise, denied: poll(client, allowed.resolve) };
}

async function poll(client: Client, onAllowed: () => void): Promise<Denial> {
  const { user, ...rest } = question;
  const asked = {
    principal: userOf(user),
    actors: [rest.agent],
    tool,
    accesses: [{ resource: rest.document }],
  };
  let allowedAtMs = 0;
  for (;;) {
    const sentMs = wallMs();
    const { verdict } = await client.authorization.check(asked);
    const gotMs = wallMs();
    if (verdict === Verdict.DENIED && allowedAtMs > 0) return { firstMs: gotMs, allowedAtMs };
    if (verdict !== Verdict.ALLOWED) continue;
    allowedAtMs = sentMs;
    onAllowed();
  }
}

/** By the clock of this host, on which PostgreSQL runs as well. */
async function commitMs(database: Database, revision: number): Promise<number> {
  const [row] = await database.query<{ readonly at: number }>(
    "reads",
    {
      name: "revoke_commit",
      text: `select (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000)::float8 as at
        from revision where tenant_id = $1 and rev = $2`,
    },
    [tenant, revision],
  );
  return row?.at ?? failed();
}

function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

function coverage(object: typeof tool): {
  readonly subject: { readonly subject: { readonly case: "object"; readonly value: typeof tool } };
} {
  return { subject: { subject: { case: "object", value: object } } };
}

function failed(): never {
  throw new Error("there is nothing to measure");
}
