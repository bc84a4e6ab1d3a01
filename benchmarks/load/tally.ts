import { isExpected } from "./answer.ts";
import {
  shares,
  type Latencies,
  type LoadJob,
  type LoadObserver,
  type LoadRequest,
} from "./job.ts";

const decodedOneIn = 64;
const latenciesMax = 500_000;

/** Hands out the requests of one job, and counts what comes back. */
export class Tally implements LoadObserver {
  readonly #job: LoadJob;
  readonly #bodies: readonly (readonly Buffer[])[];
  readonly #nextMessage: number[];
  readonly #done = Promise.withResolvers<void>();
  #latenciesUs: Float64Array[];
  #counts: number[];
  #sent = 0;
  answers = 0;
  wrong = 0;
  problem: string | undefined;

  constructor(job: LoadJob) {
    this.#job = job;
    const encode = job.kind === "json" ? asItIs : grpcMessage;
    this.#bodies = job.calls.map(({ messages }) =>
      messages.map((text) => encode(Buffer.from(text, "base64"))),
    );
    this.#nextMessage = job.calls.map(() => job.firstMessage);
    this.#latenciesUs = job.calls.map(() => new Float64Array(latenciesMax));
    this.#counts = job.calls.map(() => 0);
  }

  next(): LoadRequest | undefined {
    const { order, requests } = this.#job;
    if (this.#sent === requests) return undefined;
    const call = order[this.#sent % order.length] ?? 0;
    const bodies = this.#bodies[call] ?? [];
    const at = this.#nextMessage[call] ?? 0;
    this.#nextMessage[call] = at + 1;
    this.#sent += 1;
    return { call, body: bodies[at % bodies.length] ?? Buffer.alloc(0) };
  }

  answered(call: number, message: Buffer, sentAtMs: number): void {
    const count = this.#counts[call] ?? 0;
    const latencies = this.#latenciesUs[call];
    if (latencies !== undefined) {
      latencies[count % latenciesMax] = (performance.now() - sentAtMs) * 1000;
    }
    this.#counts[call] = count + 1;
    this.answers += 1;
    const { calls, kind } = this.#job;
    const asked = calls[call];
    if (
      count % decodedOneIn === 0 &&
      asked !== undefined &&
      !isExpected(asked, message, kind === "json")
    ) {
      this.failed(`${asked.path} did not answer what was to be expected`);
    }
    if (this.answers === this.#job.requests) this.#done.resolve();
  }

  failed(problem: string): void {
    this.problem ??= problem;
    this.wrong += 1;
    if (this.#job.requests !== undefined) this.#done.resolve();
  }

  /** Forgets what came so far: the warm-up is over. */
  reset(): void {
    this.answers = 0;
    this.#counts = this.#counts.map(() => 0);
  }

  /** When the last of a number of requests is answered, or one has failed. */
  done(): Promise<void> {
    return this.#done.promise;
  }

  latencies(): readonly Latencies[] {
    return this.#latenciesUs.map((all, call) => {
      const answers = this.#counts[call] ?? 0;
      const sorted = all.slice(0, Math.min(answers, latenciesMax)).sort();
      const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
      return { answers, us: shares.map(at) };
    });
  }
}

function asItIs(body: Buffer): Buffer {
  return body;
}

function grpcMessage(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
