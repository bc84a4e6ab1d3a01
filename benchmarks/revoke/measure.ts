import type { MessageInitShape } from "@bufbuild/protobuf";
import { setTimeout as sleep } from "node:timers/promises";
import { agent, document, itemOf, questions, tool, userOf } from "../../chaos/world.ts";
import type { Client } from "../../src/client/client.ts";
import { parseToken } from "../../src/core/revision.ts";
import {
  type StreamCheckRequestSchema,
  Verdict,
} from "../../src/gen/prokura/v1/authorization_pb.ts";
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

/** Between an answer and the next question to the same node: the resolution of a denial's time. */
const probePauseMs = 1;

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

/** On one stream, a question a message: of all ways to ask the one that costs least. */
async function poll(client: Client, onAllowed: () => void): Promise<Denial> {
  let sentMs = 0;
  let allowedAtMs = 0;
  let isOver = false;
  let turn = Promise.withResolvers<void>();
  async function* asked(): AsyncGenerator<MessageInitShape<typeof StreamCheckRequestSchema>> {
    for (let tag = 1n; !isOver; tag += 1n) {
      sentMs = wallMs();
      yield { tag, items: [itemOf(question)] };
      await turn.promise;
      turn = Promise.withResolvers();
    }
  }
  let firstMs = Number.NaN;
  for await (const { results } of client.authorization.streamCheck(asked())) {
    const gotMs = wallMs();
    const answer = results[0]?.result;
    if (answer?.case !== "decision") throw new Error("a check was not answered");
    const { verdict } = answer.value;
    isOver = verdict === Verdict.DENIED && allowedAtMs > 0;
    if (isOver) {
      firstMs = gotMs;
    } else {
      if (verdict === Verdict.ALLOWED) {
        allowedAtMs = sentMs;
        onAllowed();
      }
      await sleep(probePauseMs);
    }
    turn.resolve();
  }
  return { firstMs, allowedAtMs };
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

/** The clock of this host, which PostgreSQL reads as well, finer than `Date` tells it. */
function wallMs(): number {
  return performance.now() + aheadMs;
}

let aheadMs = 0;

/** The two clocks of a process drift apart where the host's is being set right. */
export function setClock(): void {
  const beforeMs = Date.now();
  let nowMs = beforeMs;
  while (nowMs === beforeMs) nowMs = Date.now();
  aheadMs = nowMs - performance.now();
}

function coverage(object: typeof tool): {
  readonly subject: { readonly subject: { readonly case: "object"; readonly value: typeof tool } };
} {
  return { subject: { subject: { case: "object", value: object } } };
}

function failed(): never {
  throw new Error("there is nothing to measure");
}
