import type { AuthorizationModel } from "../model/authorization-model.ts";

/** Both in milliseconds. `mono` never goes back; `wall` may be set, and is only compared with itself. */
export interface Clock {
  mono(): number;
  wall(): number;
}

export interface Timers {
  /** Calls once, not before the delay has passed; the answer cancels the call. */
  after(delayMs: number, run: () => void): () => void;
}

export interface Rng {
  /** Never the same twice, in no process. */
  uuid(): string;
}

export interface ModelSource {
  /** A stored model; it never changes. Rejects with `not_serving` where the database is away. */
  load(tenant: string, modelId: string): Promise<AuthorizationModel>;
}

/** Told of what failed and will be tried again: for the log, it decides nothing. */
export type Report = (doing: string, cause: unknown) => void;
