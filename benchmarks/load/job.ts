/** What the load generator is told to do, and to whose processor time it is to look. */
export interface LoadJob {
  readonly kind: "unary" | "stream" | "json";
  readonly port: number;
  /** Sent as `authorization: Bearer` with every request. */
  readonly token?: string;
  readonly calls: readonly LoadCall[];
  /** Which call is next, as positions in `calls`, over and over. */
  readonly order: readonly number[];
  /** Message of each call to begin with. */
  readonly firstMessage: number;
  readonly connections: number;
  /** Requests, or messages of the one stream, under way on each connection. */
  readonly inFlight: number;
  /**
   * Absent: a closed loop, which sends when an answer has come. Else requests are sent when they are
   * due, at random distances, however slow the answers are, and `inFlight` does not count.
   */
  readonly ratePerSecond?: number;
  /** So many requests, each once, then the job is over; there is no warm-up. Absent: until the time is over. */
  readonly requests?: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly serverProcessId: number;
}

/** One RPC with messages in base64, sent in turn. */
export interface LoadCall {
  readonly path: string;
  readonly messages: readonly string[];
  readonly expected: Expected;
}

/** What one answer in many is held against: a fast wrong answer must not look good. */
export type Expected =
  | { readonly kind: "allowed" }
  | { readonly kind: "member" }
  | { readonly kind: "listed"; readonly count: number }
  | { readonly kind: "revoked" }
  | { readonly kind: "answered" };

/** What one job measured, after its warm-up. */
export interface LoadResult {
  readonly answers: number;
  /** Answers that were no answer, or not the one that was to be expected. Must be 0. */
  readonly wrong: number;
  /** Of the first of them. */
  readonly problem?: string;
  /** User and system time of all threads of the server, an answer. */
  readonly serverCpuUs: number;
  /** The same of the generator: it must not be the bottleneck. */
  readonly clientCpuUs: number;
  readonly answersPerSecond: number;
  /** One for each call of the job. */
  readonly latencies: readonly Latencies[];
}

/** From when a request was sent, or was due, until its answer was there. */
export interface Latencies {
  readonly answers: number;
  /** At each of `shares`. */
  readonly us: readonly number[];
}

/** The shares of requests for which latencies are told, from the median to one in ten thousand. */
export const shares: readonly number[] = [
  0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999,
];

/** One connection under load. */
export interface LoadConnection {
  /** Sends the next request now, as one that was due then. */
  fire(dueAtMs: number): void;
  close(): void;
}

/** Says what is to be sent, and is told of every answer. */
export interface LoadObserver {
  /** The next request, or undefined where there is to be none. */
  next(): LoadRequest | undefined;
  answered(call: number, message: Buffer, sentAtMs: number): void;
  failed(problem: string): void;
}

export interface LoadRequest {
  /** Position in the calls of the job. */
  readonly call: number;
  readonly body: Buffer;
}
