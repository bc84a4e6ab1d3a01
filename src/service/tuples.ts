import type { RevisionChange } from "../core/change.ts";
import type { Name, ObjectRef } from "../core/object.ts";
import type { RelationTuple, TupleFilter } from "../core/tuple.ts";
import type { Precondition, TupleStep } from "../store/mutation.ts";
import type {
  Consistency,
  MutationOptions,
  Paged,
  PageRequest,
  RequestContext,
  WriteResult,
} from "./request.ts";

/** Reads and writes relation tuples. */
export interface Tuples {
  /** At most 1,000 steps, in one revision, or nothing. */
  write(
    context: RequestContext,
    request: {
      readonly steps: readonly Extract<TupleStep, { kind: "create" | "touch" | "delete" }>[];
      readonly preconditions: readonly Extract<Precondition, { filter: TupleFilter }>[];
    },
    options: MutationOptions,
  ): Promise<{ readonly created: number; readonly deleted: number; readonly result: WriteResult }>;
  read(
    context: RequestContext,
    filter: TupleFilter,
    page: PageRequest,
    consistency: Consistency,
  ): Promise<Paged<RelationTuple>>;
  /** Deletes what matches, up to `limit` (1 to 5,000) a call, and says whether more is left. */
  delete(
    context: RequestContext,
    request: { readonly filter: TupleFilter; readonly limit: number; readonly dryRun: boolean },
    options: MutationOptions,
  ): Promise<{
    readonly deleted: number;
    readonly more: boolean;
    readonly result?: WriteResult;
  }>;
  /** Touches the tuples in chunks of at most 5,000, a revision each. Not atomic: `cursor` says how far it got. */
  import(
    context: RequestContext,
    chunks: AsyncIterable<ImportChunk>,
    options: MutationOptions,
  ): Promise<ImportProgress & { readonly result: WriteResult }>;
  /** All tuples that match, in canonical order, at one revision, in bounded memory. */
  export(
    context: RequestContext,
    filter: TupleFilter,
    cursor: string,
    consistency: Consistency,
  ): AsyncIterable<ExportChunk>;
  /** Changes after the token in revision order, then as they come, with heartbeats. */
  watch(context: RequestContext, request: WatchRequest): AsyncIterable<WatchEvent>;
  /** Runs the barrier again at the token's revision. */
  waitFor(context: RequestContext, token: string): Promise<WriteResult>;
}

export interface ImportChunk {
  readonly tuples: readonly RelationTuple[];
  /** Anything the client wants back as the resume point after this chunk. */
  readonly cursor: string;
}

export interface ImportProgress {
  readonly imported: number;
  /** Cursor of the last chunk that is stored; empty before the first. */
  readonly cursor: string;
}

export interface ExportChunk {
  readonly tuples: readonly RelationTuple[];
  /** Hand it back to go on after this chunk, at the same revision. */
  readonly cursor: string;
  readonly token: string;
}

export interface WatchRequest {
  /** Empty: from now on. */
  readonly token: string;
  /** Empty: all types. */
  readonly types: readonly Name[];
  readonly objects: readonly ObjectRef[];
  /** Changes of this principal's delegations. */
  readonly principal?: ObjectRef;
  readonly delegationId?: string;
}

export type WatchEvent =
  | { readonly kind: "change"; readonly change: RevisionChange; readonly token: string }
  /** Nothing happened up to the token. At least every 10 s. */
  | { readonly kind: "heartbeat"; readonly token: string }
  /** The watcher was too slow or the history is gone: read anew at the token, then watch from it. */
  | { readonly kind: "resync_required"; readonly token: string };
