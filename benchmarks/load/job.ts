/** What the load generator is told to do, and to whose processor time it is to look. */
export interface LoadJob {
  readonly kind: "unary" | "stream" | "json";
  readonly port: number;
  readonly path: string;
  /** Messages in base64, sent in turn. */
  readonly messages: readonly string[];
  readonly connections: number;
  /** Requests, or messages of the one stream, under way on each connection. */
  readonly inFlight: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly serverProcessId: number;
}

/** What one job measured, after its warm-up. */
export interface LoadResult {
  readonly answers: number;
  /** Answers that were no answer, or not the one that was to be expected. Must be 0. */
  readonly wrong: number;
  /** User and system time of all threads of the server, an answer. */
  readonly serverCpuUs: number;
  /** The same of the generator: it must not be the bottleneck. */
  readonly clientCpuUs: number;
  readonly answersPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** One connection under load. */
export interface LoadConnection {
  close(): void;
}

/** Told of every answer by the connections. */
export interface LoadObserver {
  answered(message: Buffer, sentAtMs: number): void;
  failed(problem: string): void;
}
