import { connect, constants, type ClientHttp2Session } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  BatchCheckRequestSchema,
  BatchCheckResponseSchema,
} from "../src/gen/prokura/v1/authorization_pb.ts";
import type { Victim } from "./server.ts";
import type { Tally } from "./tally.ts";
import { known, knownItems, knownTenant } from "./world.ts";

/** What holding twice the capacity did. Lengths of time are of calls that were answered with decisions. */
export interface Overloaded {
  readonly capacityPerSecond: number;
  readonly offeredPerSecond: number;
  readonly answeredPerSecond: number;
  /** Of the capacity. */
  readonly goodputPercent: number;
  readonly refused: number;
  readonly late: number;
  /** Due, and not sent because too many were open. */
  readonly unsent: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the end of the load to the first known answers in at most 100 ms, or thrice their usual time. */
  readonly recoveredMs: number;
}

const connections = 8;
/** What more is due is not sent: an agent's gateway has not got more calls open either. */
const openMax = 128;
/** Enough that the client's own work does not count. */
const itemsEach = 100;
/** The first part is not counted: what a queue takes in at once is no rate that lasts. */
const warmingMs = 2_000;
const calibrationMs = 3_000;
const deadlineMs = 5_000;
const tickMs = 5;
const retryMs = 250;

type Outcome = "answered" | "refused" | "late";

/** Asks batches of known questions at twice the rate that the server can answer. */
export async function overload(victim: Victim, tally: Tally, lastMs: number): Promise<Overloaded> {
  const sessions = Array.from({ length: connections }, () => {
    const session = connect(`http://${victim.process.grpcAddress}`);
    session.on("error", () => {});
    return session;
  });
  const usualMs = await usual(victim, tally);
  const capacityPerSecond = await calibrate(sessions, tally);
  const counts = { answered: 0, refused: 0, late: 0, unsent: 0 };
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  const pending = new Set<Promise<void>>();
  let sent = 0;
  while (performance.now() - startMs < lastMs) {
    const due = ((performance.now() - startMs) / 1_000) * 2 * capacityPerSecond;
    for (; sent < due; sent += 1) {
      const session = sessions[sent % connections];
      if (session === undefined) break;
      if (pending.size >= connections * openMax) {
        counts.unsent += 1;
        continue;
      }
      const askedMs = performance.now();
      const asked = ask(session, tally).then((outcome) => {
        counts[outcome] += 1;
        if (outcome === "answered") latenciesMs.push(performance.now() - askedMs);
        pending.delete(asked);
      });
      pending.add(asked);
    }
    await sleep(tickMs);
  }
  const tookMs = performance.now() - startMs;
  for (const session of sessions) session.destroy();
  const recoveredMs = await recover(victim, tally, usualMs);
  await Promise.all(pending);
  tally.inputs += sent - counts.unsent;
  latenciesMs.sort((a, b) => a - b);
  return {
    capacityPerSecond,
    offeredPerSecond: (sent * 1_000) / tookMs,
    answeredPerSecond: (counts.answered * 1_000) / tookMs,
    goodputPercent: (counts.answered * 100_000) / tookMs / capacityPerSecond,
    refused: counts.refused,
    late: counts.late,
    unsent: counts.unsent,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    recoveredMs,
  };
}

/** Batches a second with a few under way, which is as many as there can be for long. */
async function calibrate(sessions: readonly ClientHttp2Session[], tally: Tally): Promise<number> {
  const fromMs = performance.now() + warmingMs;
  const endMs = fromMs + calibrationMs;
  let answered = 0;
  const worker = async (session: ClientHttp2Session): Promise<void> => {
    while (performance.now() < endMs) {
      const outcome = await ask(session, tally);
      if (outcome === "answered" && performance.now() >= fromMs) answered += 1;
      // As it is told to: asking again at once would take from those that are answered.
      if (outcome === "refused") await sleep(retryMs);
    }
  };
  await Promise.all(sessions.map(worker));
  return (answered * 1_000) / calibrationMs;
}

/** How long the known questions take where nothing else is asked. */
async function usual(victim: Victim, tally: Tally): Promise<number> {
  const tookMs: number[] = [];
  for (let count = 0; count < 11; count += 1) {
    const askedMs = performance.now();
    await victim.askKnown(tally, false);
    tookMs.push(performance.now() - askedMs);
  }
  return quantile(
    tookMs.toSorted((a, b) => a - b),
    0.5,
  );
}

/** Until the known questions are answered about as quickly as they usually are. */
async function recover(victim: Victim, tally: Tally, usualMs: number): Promise<number> {
  const enoughMs = Math.max(100, 3 * usualMs);
  const startMs = performance.now();
  for (;;) {
    const askedMs = performance.now();
    const answered = await victim.askKnown(tally, true);
    const nowMs = performance.now();
    if ((answered && nowMs - askedMs < enoughMs) || nowMs - startMs > 30_000) {
      return askedMs - startMs;
    }
  }
}

const batch = Buffer.from(
  toBinary(
    BatchCheckRequestSchema,
    create(BatchCheckRequestSchema, {
      tenant: knownTenant,
      items: knownItems(itemsEach),
    }),
  ),
);
const head = Buffer.alloc(5);
head.writeUInt32BE(batch.length, 1);
const framed = Buffer.concat([head, batch]);

async function ask(session: ClientHttp2Session, tally: Tally): Promise<Outcome> {
  if (session.closed || session.destroyed) return "late";
  const stream = session.request({
    ":method": "POST",
    ":path": "/prokura.v1.AuthorizationService/BatchCheck",
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-timeout": `${deadlineMs}m`,
  });
  const chunks: Buffer[] = [];
  let status: string | undefined;
  stream.on("response", ({ "grpc-status": code }) => (status ??= code?.toString()));
  stream.on("trailers", ({ "grpc-status": code }) => (status ??= code?.toString()));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => {});
  const deadline = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), deadlineMs);
  stream.end(framed);
  await new Promise<void>((resolve) => stream.once("close", () => resolve()));
  clearTimeout(deadline);
  if (status === "0") {
    judge(Buffer.concat(chunks).subarray(5), tally);
    return "answered";
  }
  if (status === "8") return "refused";
  if (status !== undefined && status !== "4") tally.isWrong(`overload: status ${status}`);
  return "late";
}

function judge(bytes: Buffer, tally: Tally): void {
  const { results } = fromBinary(BatchCheckResponseSchema, bytes);
  if (results.length !== itemsEach) tally.isWrong(`overload: ${results.length} answers`);
  for (const [index, { result }] of results.entries()) {
    const { verdict } = known(index);
    const answered = result.case === "decision" ? result.value.verdict : result.value?.code;
    if (answered !== verdict) tally.isWrong(`overload: item ${index} is answered ${answered}`);
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
