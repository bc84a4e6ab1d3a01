import { setTimeout as sleep } from "node:timers/promises";
import { ApiError } from "../src/client/api-error.ts";
import { subjectToProto, tupleToProto } from "../src/client/tuple.ts";
import { parseToken } from "../src/core/revision.ts";
import { parseTupleText } from "../src/core/tuple.ts";
import { RevokeOutcome } from "../src/gen/prokura/v1/delegation_pb.ts";
import { Verdict, type CheckResult } from "../src/gen/prokura/v1/authorization_pb.ts";
import type { Node } from "./node.ts";
import type { Terms } from "./terms.ts";
import type { Recording, WriteRecord } from "./record.ts";
import { agent, document, itemOf, questions, tool, userOf, type Question } from "./world.ts";

export interface Clients {
  readonly nodes: () => readonly Node[];
  readonly tenants: readonly string[];
  readonly terms: Terms;
  readonly recording: Recording;
  readonly signal: AbortSignal;
}

const checkDeadlineMs = 1000;
/** Longer than a dead node can hold a write up, by not much: a stopped one must not catch all clients. */
const afterKillMs = 900;
/** What counts as shortly after a fault. */
const afterFaultMs = 1000;
/** What a fault may bring about. Whatever else comes is a bug of the server's. */
const explained: ReadonlySet<string> = new Set([
  "not_serving",
  "deadline_exceeded",
  "cancelled",
  "limit_exceeded",
  "write_conflict",
  "revision_ahead",
  // Here history is forgotten right up to the head, as no setting of a server would have it: what was
  // read a moment ago, to be revoked or delegated on, may be gone.
  "revision_expired",
]);

/** Asks about everybody in some tenant, again and again, on one place among the nodes. */
export async function checkForEver(clients: Clients, place: number): Promise<void> {
  const { tenants } = clients;
  for (let turn = place; !clients.signal.aborted; turn += 1) {
    const { [place % clients.nodes().length]: node } = clients.nodes();
    const tenant = tenants[turn % tenants.length];
    if (node === undefined || tenant === undefined) continue;
    const answered = await check(clients, node, tenant, questions);
    await sleep(answered ? 2 : 20);
  }
}

/** Lets the agent act for the user and takes it back, again and again; asks every node after each OK. */
export async function writeForEver(clients: Clients, tenant: string, user: string): Promise<void> {
  const { recording, signal } = clients;
  const deadlineMs = clients.terms.killMs + afterKillMs;
  for (let turn = 0; !signal.aborted; turn += 1) {
    const node = anyOf(clients.nodes());
    const id = `${tenant}/${user}/${turn}`;
    const write: WriteRecord = { id, tenant, invokedMs: performance.now() };
    recording.writes.push(write);
    const act = turn % 8 < 6 ? delegateOrRevoke : blockOrUnblock;
    try {
      const { token, revokes } = await act({
        node,
        tenant,
        user,
        turn,
        reason: id,
        options: { deadlineMs },
      });
      write.ok = { returnedMs: performance.now(), ...placeOf(token, tenant) };
      if (revokes) recording.revocations += 1;
    } catch (error) {
      await settle(clients, write, error);
    }
    if (write.ok === undefined) await sleep(20);
    else void askAll(clients, tenant, user);
  }
}

interface Done {
  readonly token: string;
  readonly revokes: boolean;
}

interface Act {
  readonly node: Node;
  readonly tenant: string;
  readonly user: string;
  readonly turn: number;
  readonly reason: string;
  readonly options: { readonly deadlineMs: number };
}

async function delegateOrRevoke(act: Act): Promise<Done> {
  const { tenant, user, turn, reason, options } = act;
  const { client } = act.node;
  if (turn % 2 === 0) {
    const { result } = await client.delegation.delegate(
      {
        tenant,
        principal: userOf(user),
        delegate: agent,
        pairs: [
          {
            tools: [{ subject: subjectToProto({ kind: "object", object: tool }) }],
            resources: [{ subject: subjectToProto({ kind: "object", object: document }) }],
          },
        ],
        sessions: [{ subject: { case: "wildcard", value: { type: "session" } } }],
        expiry: { expiry: { case: "forever", value: true } },
        options: { reason },
      },
      options,
    );
    return { token: result?.token ?? "", revokes: false };
  }
  const { result, outcome } = await client.delegation.revoke(
    { tenant, selector: { principal: userOf(user) }, options: { reason } },
    options,
  );
  return { token: result?.token ?? "", revokes: outcome === RevokeOutcome.REVOKED };
}

async function blockOrUnblock(act: Act): Promise<Done> {
  const { node, tenant, user, turn, reason, options } = act;
  const revokes = turn % 2 === 0;
  const tuple = tupleToProto(parseTupleText(`document:plan#blocked@user:${user}`, "tuple"));
  const { result } = await node.client.tuple.writeTuples(
    {
      tenant,
      operations: [
        { operation: revokes ? { case: "touch", value: tuple } : { case: "delete", value: tuple } },
      ],
      options: { reason },
    },
    options,
  );
  return { token: result?.token ?? "", revokes };
}

/** What is known of a write that was not answered with OK. A commit that is told of is waited for. */
async function settle(clients: Clients, write: WriteRecord, error: unknown): Promise<void> {
  const { recording, nodes, signal, terms } = clients;
  if (!(error instanceof ApiError)) throw error;
  if (error.code === "outcome_unknown" || error.code === "deadline_exceeded")
    recording.unknown += 1;
  else if (error.code === "not_serving" || error.code === "cancelled") recording.unavailable += 1;
  else if (error.code !== "not_enforced" && !explained.has(error.code)) {
    recording.bugs.push(`write: ${error.code}, ${error.message}`);
  }
  const token = error.detail?.token ?? "";
  if (error.code !== "not_enforced" || token === "") return;
  recording.notEnforced += 1;
  while (!signal.aborted) {
    try {
      await anyOf(nodes()).client.tuple.waitFor(
        { tenant: write.tenant, token },
        { deadlineMs: terms.killMs + afterKillMs },
      );
      write.ok = { returnedMs: performance.now(), ...placeOf(token, write.tenant) };
      return;
    } catch (cause) {
      // Another timeline: whether it is there nobody knows.
      if (cause instanceof ApiError && cause.code === "outcome_unknown") {
        recording.unknown += 1;
        return;
      }
      await sleep(50);
    }
  }
}

/** The checks that matter most: right after an OK, on every node. */
async function askAll(clients: Clients, tenant: string, user: string): Promise<void> {
  const asked = questions.filter((question) => question.user === user);
  await Promise.all(clients.nodes().map((node) => check(clients, node, tenant, asked)));
}

async function check(
  { recording, signal }: Clients,
  node: Node,
  tenant: string,
  asked: readonly Question[],
): Promise<boolean> {
  const invokedMs = performance.now();
  const troubled = invokedMs < node.faultUntilMs + afterFaultMs;
  try {
    const { results, token } = await node.client.authorization.batchCheck(
      { tenant, items: asked.map(itemOf) },
      { deadlineMs: checkDeadlineMs },
    );
    const returnedMs = performance.now();
    const answers = asked.map((question, index) => ({
      question,
      allowed: isAllowed(results[index]),
    }));
    const place = placeOf(token, tenant);
    const { name } = node;
    recording.checks.push({
      tenant,
      invokedMs,
      returnedMs,
      ...place,
      answers,
      troubled,
      node: name,
    });
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (explained.has(error.code)) recording.unavailable += 1;
    else if (!signal.aborted) recording.bugs.push(`check: ${error.code}, ${error.message}`);
    return false;
  }
}

function isAllowed(result: CheckResult | undefined): boolean {
  if (result?.result.case === "error") {
    throw new ApiError(result.result.value.code, `of one check: ${result.result.value.message}`);
  }
  if (result?.result.case !== "decision")
    throw new TypeError("a check of the batch has no decision");
  return result.result.value.verdict === Verdict.ALLOWED;
}

function placeOf(
  token: string,
  tenant: string,
): { readonly timeline: string; readonly revision: number } {
  const { timeline, revision } = parseToken(token, tenant, "token");
  return { timeline, revision };
}

function anyOf(nodes: readonly Node[]): Node {
  const node = nodes[Math.floor(Math.random() * nodes.length)];
  if (node === undefined) throw new Error("there is no node");
  return node;
}
