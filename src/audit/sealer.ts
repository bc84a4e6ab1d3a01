import { Worker } from "node:worker_threads";
import { RowBlockWriter, type RowBlock } from "./row-block.ts";
import { sealBlock, type Sealed } from "./seal.ts";

export interface SealRequest {
  readonly id: number;
  readonly previous: string;
  readonly block: RowBlock;
}

export interface SealAnswer extends Sealed {
  readonly id: number;
  /** The room that the rows had. */
  readonly usedUp: ArrayBuffer;
}

/** What the thread says once it has read its program, which may take it seconds on a busy machine. */
export const ready = "ready";

/** Links and compresses rows, many of them on a thread of its own, which starts when it is needed. */
export interface Sealer {
  /** For about so many rows. */
  block(rows: number): RowBlockWriter;
  /** Takes the block. Rejects where the thread failed; the next call starts another. */
  seal(previous: string, block: RowBlock): Promise<Sealed>;
  close(): Promise<void>;
}

/** So few rows take less time than the way to the thread and back. */
const rowsHere = 100;

export function createSealer(): Sealer {
  return new ThreadSealer();
}

class ThreadSealer implements Sealer {
  readonly #waiting = new Map<number, PromiseWithResolvers<Sealed>>();
  #worker: Worker | undefined;
  #isReady = false;
  #isClosed = false;
  #last = 0;
  /** New room costs more than what is written into it. */
  #usedUp: ArrayBuffer | undefined;

  block(rows: number): RowBlockWriter {
    const usedUp = this.#usedUp;
    this.#usedUp = undefined;
    return new RowBlockWriter(rows, usedUp);
  }

  async seal(previous: string, block: RowBlock): Promise<Sealed> {
    const worker = block.ends.length <= rowsHere ? undefined : this.#thread();
    if (worker === undefined) return sealBlock(previous, block);
    this.#last += 1;
    const waiting = Promise.withResolvers<Sealed>();
    this.#waiting.set(this.#last, waiting);
    const request: SealRequest = { id: this.#last, previous, block };
    worker.postMessage(request, [block.bytes.buffer, block.ends.buffer]);
    return waiting.promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  /** `undefined` until it has started: nobody waits for that. */
  #thread(): Worker | undefined {
    if (this.#isClosed) return undefined;
    this.#worker ??= this.#start();
    return this.#isReady ? this.#worker : undefined;
  }

  #start(): Worker {
    const worker = new Worker(new URL(`./seal-worker${extension}`, import.meta.url));
    worker.unref();
    worker.on("message", (answer: SealAnswer | typeof ready) => {
      if (answer === ready) {
        this.#isReady = true;
        return;
      }
      const { id, usedUp, ...sealed } = answer;
      this.#usedUp = usedUp;
      this.#waiting.get(id)?.resolve(sealed);
      this.#waiting.delete(id);
    });
    worker.on("error", (cause) => this.#fail(worker, cause));
    worker.on("exit", () => this.#fail(worker, new Error("the sealing thread ended")));
    return worker;
  }

  #fail(worker: Worker, cause: unknown): void {
    if (this.#worker === worker) {
      this.#worker = undefined;
      this.#isReady = false;
    }
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#waiting.clear();
  }
}

/** Of this file: the published package has JavaScript. */
const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
