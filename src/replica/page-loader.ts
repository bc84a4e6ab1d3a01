import { formatPageKey, type PageKey } from "../core/page.ts";
import type { Pins } from "./pins.ts";

/** At most this many loads of one tenant are under way; what is asked meanwhile goes with the next. */
const loadsMax = 4;

interface Wanted {
  readonly key: PageKey;
  readonly requests: Request[];
}

interface Request {
  left: number;
  /** Where the pages that have come are kept from eviction. */
  readonly pins: Pins;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

export interface PageLoaderOptions {
  readonly pagesMax: number;
  /** C3 and C4. What could not be installed is just not there afterwards. */
  readonly load: (keys: readonly PageKey[]) => Promise<void>;
  readonly pin: (keys: readonly PageKey[], pins: Pins) => void;
}

/** Loads pages for all evaluations of a tenant: a page that several of them miss is read once. */
export class PageLoader {
  readonly #options: PageLoaderOptions;
  readonly #queued = new Map<string, Wanted>();
  readonly #underWay = new Map<string, Wanted>();
  #loads = 0;

  constructor(options: PageLoaderOptions) {
    this.#options = options;
  }

  /**
   * Resolves when a load of each key is over; the pages that it installed are then pinned. Rejects with the error of the first load that failed.
   */
  request(keys: readonly PageKey[], pins: Pins): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (keys.length === 0) resolve();
    const request: Request = { left: keys.length, pins, resolve, reject };
    for (const key of keys) {
      const text = formatPageKey(key);
      const wanted = this.#underWay.get(text) ?? this.#queued.get(text);
      if (wanted === undefined) this.#queued.set(text, { key, requests: [request] });
      else wanted.requests.push(request);
    }
    this.#send();
    return promise;
  }

  #send(): void {
    while (this.#loads < loadsMax && this.#queued.size > 0) {
      const batch = [...this.#queued].slice(0, this.#options.pagesMax);
      for (const [text, wanted] of batch) {
        this.#queued.delete(text);
        this.#underWay.set(text, wanted);
      }
      this.#loads += 1;
      void this.#load(batch);
    }
  }

  async #load(batch: readonly (readonly [string, Wanted])[]): Promise<void> {
    try {
      await this.#options.load(batch.map(([, wanted]) => wanted.key));
      for (const [text, wanted] of batch) this.#arrived(text, wanted);
    } catch (cause) {
      for (const [text, wanted] of batch) {
        this.#underWay.delete(text);
        for (const request of wanted.requests) request.reject(cause);
      }
    } finally {
      this.#loads -= 1;
      this.#send();
    }
  }

  #arrived(text: string, { key, requests }: Wanted): void {
    this.#underWay.delete(text);
    for (const request of requests) {
      this.#options.pin([key], request.pins);
      request.left -= 1;
      if (request.left === 0) request.resolve();
    }
  }
}
