import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { withoutContext, type KeptParameters } from "../audit/decision-row.ts";
import type { LogNote } from "../audit/log-row.ts";
import type { SigningKey } from "../audit/checkpoint.ts";
import type { Sealer } from "../audit/sealer.ts";
import { DomainError } from "../core/error.ts";
import type { NewCheckpoint } from "../store/log-chains.ts";
import type { DecisionEvent, DecisionSink } from "./decision-event.ts";
import { LogChains, type DecisionItem, type LogItem, type LogStore } from "./log-chains.ts";

export interface LogSettings {
  /** `sync`: an ALLOWED leaves only when its row is durable. */
  readonly mode: "async" | "sync";
  /** Rows that may wait to be written. */
  readonly queueMax: number;
  /** What becomes of a decision for which there is no room: it waits, or its row is only counted. */
  readonly whenFull: "block" | "count";
  readonly keptParameters: KeptParameters;
  readonly checkpointMs: number;
  /** The name of this process's chain. */
  readonly node: string;
}

interface Dependencies {
  readonly store: LogStore;
  readonly sealer: Sealer;
  readonly key: SigningKey;
  readonly settings: LogSettings;
  readonly nowMs: () => number;
  readonly report: (doing: string, cause: unknown) => void;
}

/** Takes decisions and changes, and writes them, chained and signed, behind the answers. */
export interface DecisionLog extends DecisionSink, AsyncDisposable {
  /** Before so many calls are judged: fails with `limit_exceeded` where their rows would wait too long. */
  admit(count: number): void;
  /** A tenant's changes up to a revision have this digest: they are bound to the chain with the next rows. */
  changed(tenant: string, revision: number, digest: string): void;
  /** Resolves when the note is durable and signed. */
  note(tenant: string, note: LogNote): Promise<void>;
  readonly numbers: Readonly<Record<string, number>>;
  /** Writes what waits, tells every chain that the process ends, and signs. */
  [Symbol.asyncDispose](): Promise<void>;
}

export function createDecisionLog(dependencies: Dependencies): DecisionLog {
  return new QueuedLog(dependencies);
}

/** With this the way to the disk has 60 ms left of the 100 that a crash may cost. */
const gatherMs = 40;
const batchRows = 8_000;
const retryMs = 250;
/** So long an answer waits for its row, or for room: then it is not known. */
const patienceMs = 5_000;
/** With so many that wait for room no more are judged: the queue takes them all in with the next rows written. */
const roomWaitersMax = 2_000;
/** So many wait at most: what was being judged already, and the largest batch. */
const roomWaitersLast = 12_000;

class QueuedLog implements DecisionLog {
  readonly #ports: Dependencies;
  readonly #chains: LogChains;
  readonly #checkpoints: NodeJS.Timeout;
  #queue: LogItem[] = [];
  #room: PromiseWithResolvers<void> | undefined;
  #roomWaiters = 0;
  #changes = new Map<string, { readonly revision: number; readonly digest: string }>();
  #dropped = new Map<string, { count: number; readonly from: number; to: number }>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #closed = false;
  /** Each chain was told that the process ends: nothing comes after that. */
  #isEnded = false;
  /** What could not be written in time before the end is not written any more. */
  #isAbandoned = false;
  #rowCount = 0;
  #droppedCount = 0;
  #failures = 0;

  constructor(ports: Dependencies) {
    this.#ports = ports;
    const { settings, store, sealer } = ports;
    const { node, keptParameters } = settings;
    this.#chains = new LogChains({ store, sealer, node, keptParameters, boot: randomUUID() });
    this.#checkpoints = setInterval(() => void this.#signIfPossible(), settings.checkpointMs);
    this.#checkpoints.unref();
  }

  get numbers(): Readonly<Record<string, number>> {
    const oldest = this.#queue[0]?.atMs;
    return {
      rows: this.#rowCount,
      dropped: this.#droppedCount,
      waiting: this.#queue.length,
      oldestMs: oldest === undefined ? 0 : this.#ports.nowMs() - oldest,
      failures: this.#failures,
    };
  }

  record(event: DecisionEvent): void | Promise<void> {
    const { settings } = this.#ports;
    const { outcome } = event;
    // What is asked of a tenant that does not exist is in nobody's log.
    if (outcome instanceof DomainError && outcome.code === "tenant_not_found") return undefined;
    // What cannot be logged is not decided.
    if (this.#isEnded) return Promise.reject(ended());
    const item = this.#itemOf(event);
    if (this.#queue.length >= settings.queueMax) return this.#withoutRoom(item);
    return this.#push(item);
  }

  admit(count: number): void {
    const { settings } = this.#ports;
    const { queueMax, whenFull, mode } = settings;
    // Nobody waits where rows are dropped; where nobody waits a batch may be larger than all the room.
    if (this.#roomWaiters === 0 || (whenFull === "count" && mode === "async")) return;
    const room = Math.max(0, queueMax - this.#queue.length) + roomWaitersMax - this.#roomWaiters;
    if (count > room) throw behind();
  }

  changed(tenant: string, revision: number, digest: string): void {
    if (this.#isEnded || (this.#changes.get(tenant)?.revision ?? -1) >= revision) return;
    this.#changes.set(tenant, { revision, digest });
    this.#schedule(gatherMs);
  }

  async note(tenant: string, note: LogNote): Promise<void> {
    if (this.#isEnded) throw ended();
    const done = Promise.withResolvers<void>();
    this.#queue.push({ kind: "note", tenant, note, atMs: this.#ports.nowMs(), done });
    this.#schedule(0);
    await done.promise;
    await this.#sign();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { sealer, report } = this.#ports;
    this.#closed = true;
    clearInterval(this.#checkpoints);
    await within(this.#finish(), patienceMs).catch((cause: unknown) => {
      this.#isAbandoned = true;
      report("writing the last rows of the decision log", cause);
    });
    await this.#signIfPossible();
    await sealer.close();
  }

  async #finish(): Promise<void> {
    await this.#drain();
    const atMs = this.#ports.nowMs();
    this.#isEnded = true;
    // Of chains that have rows of this process: others do not know that it ran.
    this.#queue.push(...this.#chains.stops(atMs));
    await this.#drain();
  }

  #itemOf({ context, call, outcome, latencyUs }: DecisionEvent): DecisionItem {
    const { mode, keptParameters } = this.#ports.settings;
    const { tenant, caller, traceId } = context;
    const isHeld = mode === "sync" && "verdict" in outcome && outcome.verdict.kind === "allowed";
    const kind = "decision";
    const atMs = this.#ports.nowMs();
    const callerId = caller.id;
    const plain: DecisionItem = { kind, tenant, atMs, callerId, call, outcome, latencyUs };
    // Taken apart and put together again it would cost more than all the rest.
    const item: DecisionItem =
      traceId === undefined && !isHeld
        ? plain
        : {
            ...plain,
            ...(traceId === undefined ? undefined : { traceId }),
            ...(isHeld ? { done: Promise.withResolvers<void>() } : undefined),
          };
    return withoutContext(item, keptParameters);
  }

  #push(item: DecisionItem): void | Promise<void> {
    this.#queue.push(item);
    this.#schedule(item.done === undefined ? gatherMs : 0);
    return item.done && within(item.done.promise, patienceMs);
  }

  #withoutRoom(item: DecisionItem): void | Promise<void> {
    const { whenFull, mode } = this.#ports.settings;
    // A decision of which there will be no row is not to be acted on where each must have one.
    if (whenFull === "count" && mode === "async") {
      const { tenant, atMs } = item;
      const dropped = this.#dropped.get(tenant) ?? { count: 0, from: atMs, to: atMs };
      dropped.count += 1;
      dropped.to = atMs;
      this.#dropped.set(tenant, dropped);
      this.#droppedCount += 1;
      return undefined;
    }
    // Others of the same batch may wait: thrown it would leave them alone.
    if (this.#roomWaiters >= roomWaitersLast) return Promise.reject(behind());
    return this.#awaitRoom(item, performance.now() + patienceMs);
  }

  async #awaitRoom(item: DecisionItem, untilMs: number): Promise<void> {
    this.#roomWaiters += 1;
    try {
      while (this.#queue.length >= this.#ports.settings.queueMax) {
        this.#room ??= Promise.withResolvers<void>();
        await within(this.#room.promise, untilMs - performance.now());
      }
    } finally {
      this.#roomWaiters -= 1;
    }
    if (this.#isEnded) throw ended();
    await this.#push(item);
  }

  #schedule(delayMs: number): void {
    if (this.#writing !== undefined) return;
    if (delayMs === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#writing = this.#run();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing ??= this.#run();
    }, delayMs);
  }

  /** Writes batch after batch while rows wait. One after another: a chain has one end. */
  async #run(): Promise<void> {
    // What is decided in the same tick goes with the first batch.
    await Promise.resolve();
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      await this.#write(batch);
      if (this.#isAbandoned) break;
      const { mode } = this.#ports.settings;
      // Rows that nobody waits for gather again.
      if (mode === "async" && !this.#closed && this.#queue.length < batchRows) break;
    }
    this.#writing = undefined;
    const waits = this.#queue.length + this.#changes.size + this.#dropped.size > 0;
    if (waits && !this.#closed) this.#schedule(gatherMs);
  }

  #take(): LogItem[] {
    const atMs = this.#ports.nowMs();
    const first: LogItem[] = [];
    for (const [tenant, change] of this.#changes) {
      first.push({ kind: "note", tenant, atMs, note: { kind: "changes", ...change } });
    }
    for (const [tenant, dropped] of this.#dropped) {
      first.push({ kind: "note", tenant, atMs, note: { kind: "dropped", ...dropped } });
    }
    this.#changes = new Map();
    this.#dropped = new Map();
    const batch = this.#queue;
    this.#queue = batch.splice(batchRows);
    return first.length === 0 ? batch : [...first, ...batch];
  }

  async #write(batch: LogItem[]): Promise<void> {
    const held = batch.flatMap(({ done }) => done ?? []);
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#rowCount += await this.#chains.append(batch);
        break;
      } catch (cause) {
        this.#failures += 1;
        if (attempt === 1) this.#ports.report("writing the decision log", cause);
        if (this.#isAbandoned) return;
        await sleep(retryMs);
      }
    }
    for (const { resolve } of held) resolve();
    this.#room?.resolve();
    this.#room = undefined;
  }

  async #drain(): Promise<void> {
    this.#schedule(0);
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Signs the ends of all chains that grew. Where it rejects they are signed with what follows. */
  async #sign(): Promise<void> {
    const { key, store, nowMs } = this.#ports;
    const ends = this.#chains.unsigned();
    if (ends.length === 0) return;
    const checkpoints = ends.map(({ tenant, chain, end, revision }): NewCheckpoint => {
      const { seq, hash } = end;
      const at = { tenant, chain, seq, hash, atMs: nowMs() };
      return { tenant, chain, seq, ...key.sign(revision === undefined ? at : { ...at, revision }) };
    });
    await store.checkpoint(checkpoints);
    this.#chains.signed(ends);
  }

  async #signIfPossible(): Promise<void> {
    try {
      await this.#sign();
    } catch (cause) {
      this.#ports.report("storing checkpoints of the decision log", cause);
    }
  }
}

function ended(): DomainError {
  return new DomainError("not_serving", "the node is stopping");
}

function behind(): DomainError {
  const problem = "the decision log is behind, try again later";
  return new DomainError("limit_exceeded", problem, { retryAfterMs: retryMs });
}

/** Fails with `not_serving` where it takes longer. */
async function within(promise: Promise<void>, patience: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new DomainError("not_serving", "the decision cannot be logged now, try again"));
  }, patience);
  try {
    await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
