import { createHash } from "node:crypto";
import { canonicalJson, type Json } from "../core/json.ts";
import { formatToken, type ConsistencyToken } from "../core/revision.ts";
import type { Replica } from "../replica/replica.ts";
import type { Effect, Mutation, MutationResult } from "../store/mutation.ts";
import type { MutationOptions, RequestContext, WriteResult } from "./request.ts";
import type { Storage } from "./storage.ts";

/** What a use case wants written, without what is the same for all of them. */
export type Draft = Pick<Mutation, "operation" | "steps" | "preconditions" | "records" | "urgent"> &
  Pick<Partial<Mutation>, "validatedModelId" | "activateModelId">;

/** A draft, and what its caller is answered once it is known what it does: a replay by idempotency key returns that. */
export interface Drafted<Answer extends Json> {
  readonly draft: Draft;
  readonly answer: (effect: Effect) => Answer;
}

export interface Written<Answer extends Json> {
  readonly answer: Answer;
  readonly result: WriteResult;
}

/** A mutation that is validated against a model that was replaced meanwhile is drafted again. */
const draftsMax = 4;
/** Without a deadline a write waits as long as a dead node can hold it up, and some (REVOCATION W6). */
const graceMs = 5_000;

/**
 * Writes, and returns when every node answers at the new revision or later. Retries by idempotency
 * key and refused writes run the barrier as well: the call that they repeat may not have finished its
 * own (REVOCATION W2).
 */
export function createMutator(
  storage: Storage,
  replica: Pick<Replica, "enforce" | "written">,
  killMs: number,
): Mutator {
  return new EnforcingMutator(storage, replica, killMs);
}

class EnforcingMutator implements Mutator {
  readonly #storage: Storage;
  readonly #replica: Pick<Replica, "enforce" | "written">;
  readonly #killMs: number;

  constructor(storage: Storage, replica: Pick<Replica, "enforce" | "written">, killMs: number) {
    this.#storage = storage;
    this.#replica = replica;
    this.#killMs = killMs;
  }

  async write<Answer extends Json>(
    context: RequestContext,
    options: MutationOptions,
    request: Json,
    compose: () => Promise<Drafted<Answer>>,
  ): Promise<Written<Answer>> {
    const startedMs = performance.now();
    const requestHash = createHash("sha256").update(canonicalJson(request)).digest("base64url");
    const replayed = await this.#replay<Answer>(context, options, requestHash, startedMs);
    if (replayed !== undefined) return replayed;
    for (let attempt = 1; ; attempt += 1) {
      const { draft, answer } = await compose();
      const result = await this.#storage.write(
        mutationOf(context, options, draft, requestHash, answer),
        context.signal,
      );
      if (
        result.kind === "refused" &&
        result.error.code === "write_conflict" &&
        attempt < draftsMax
      ) {
        continue;
      }
      return this.#settle(context, options, result, answer, startedMs);
    }
  }

  /** Looks first, so that a retry is answered even where the request would be refused by now. */
  async #replay<Answer extends Json>(
    context: RequestContext,
    options: MutationOptions,
    requestHash: string,
    startedMs: number,
  ): Promise<Written<Answer> | undefined> {
    const key = options.idempotencyKey;
    if (key === undefined) return undefined;
    const known = await this.#storage.findIdempotent(context.tenant, context.caller.id, key);
    if (known === undefined) return undefined;
    const draft: Draft = {
      operation: "replay",
      steps: [],
      preconditions: [],
      records: [],
      urgent: true,
    };
    // Where the key is forgotten between the look and the write, the same answer is kept anew.
    const kept = parseAnswer<Answer>(known.response);
    const answer = (): Answer => kept;
    const mutation = mutationOf(context, options, draft, requestHash, answer);
    const result = await this.#storage.write(mutation, context.signal);
    return this.#settle(context, options, result, answer, startedMs);
  }

  async #settle<Answer extends Json>(
    context: RequestContext,
    options: MutationOptions,
    result: MutationResult,
    answer: Drafted<Answer>["answer"],
    startedMs: number,
  ): Promise<Written<Answer>> {
    const { timeline, revision, change, scanned } = result;
    const position = { tenant: context.tenant, timeline, revision };
    if (change !== undefined) this.#replica.written(context.tenant, timeline, change);
    const enforcement = await this.#enforce(context, options, position, startedMs, scanned);
    switch (result.kind) {
      case "refused":
        throw result.error;
      case "replayed":
        return { answer: parseAnswer<Answer>(result.response), result: enforcement };
      case "committed":
        return { answer: answer(result), result: enforcement };
    }
  }

  enforce(
    context: RequestContext,
    options: Pick<MutationOptions, "skipBarrier">,
    position: ConsistencyToken,
    startedMs: number,
  ): Promise<WriteResult> {
    return this.#enforce(context, options, position, startedMs);
  }

  /** `scanned`: by the writer, which has told the other nodes, when it was committed. */
  async #enforce(
    context: RequestContext,
    options: Pick<MutationOptions, "skipBarrier">,
    position: ConsistencyToken,
    startedMs: number,
    scanned?: MutationResult["scanned"],
  ): Promise<WriteResult> {
    const token = formatToken(position);
    const { tenant, timeline, revision } = position;
    if (options.skipBarrier) {
      return { token, timeline, revision, enforced: false, nodesAcknowledged: 0, waitedMs: 0 };
    }
    const leftMs = (context.deadlineMs ?? this.#killMs + graceMs) - (performance.now() - startedMs);
    const { nodesAcknowledged, waitedMs } = await this.#replica.enforce(
      tenant,
      timeline,
      revision,
      Math.max(0, leftMs),
      scanned,
    );
    return { token, timeline, revision, enforced: true, nodesAcknowledged, waitedMs };
  }
}

export interface Mutator {
  /** Runs the barrier at a position. `startedMs`: when the call began, by `performance.now()`. */
  enforce(
    context: RequestContext,
    options: Pick<MutationOptions, "skipBarrier">,
    position: ConsistencyToken,
    startedMs: number,
  ): Promise<WriteResult>;
  /**
   * @param request what the idempotency key stands for, without the key
   * @param compose reads what it needs and drafts the write; run again after a `write_conflict`
   */
  write<Answer extends Json>(
    context: RequestContext,
    options: MutationOptions,
    request: Json,
    compose: () => Promise<Drafted<Answer>>,
  ): Promise<Written<Answer>>;
}

function mutationOf(
  context: RequestContext,
  options: MutationOptions,
  draft: Draft,
  requestHash: string,
  answer: Drafted<Json>["answer"],
): Mutation {
  const { idempotencyKey: key, reason } = options;
  const respond = (effect: Effect): Uint8Array =>
    Buffer.from(JSON.stringify(answer(effect)), "utf8");
  return {
    ...draft,
    tenant: context.tenant,
    caller: context.caller,
    reason,
    ...(key === undefined ? {} : { idempotency: { key, requestHash, respond } }),
  };
}

/** The bytes are our own, written by `mutationOf`. */
function parseAnswer<Answer extends Json>(response: Uint8Array): Answer {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- stored by this very use case
  return JSON.parse(Buffer.from(response).toString("utf8")) as Answer;
}
