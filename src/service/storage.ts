import type { Head, RevisionChange } from "../core/change.ts";
import type { DelegationRecord } from "../core/delegation.ts";
import type { ObjectRef } from "../core/object.ts";
import type { LoadedPage, PageKey } from "../core/page.ts";
import type { Revision } from "../core/revision.ts";
import type { RelationTuple, TupleFilter } from "../core/tuple.ts";
import type { AuthorizationModel } from "../model/authorization-model.ts";
import type { StoredApiKey } from "../store/api-keys.ts";
import type { Mutation, MutationResult } from "../store/mutation.ts";
import type { LogStorage } from "./log-reader.ts";
import type { ModelSource } from "./models.ts";

/**
 * What the use cases ask of the database, as values in and out. Everything rejects with
 * `not_serving` where the database is away. Reads "at a revision" are exact within the kept history.
 */
export interface Storage {
  readonly tuples: TupleStorage;
  readonly models: ModelStorage;
  readonly tenants: TenantStorage;
  readonly keys: KeyStorage;
  readonly logs: LogStorage;
  readonly write: (mutation: Mutation, signal?: AbortSignal) => Promise<MutationResult>;
  /** The response that is kept under the key, whatever the request was. */
  readonly findIdempotent: (
    tenant: string,
    callerId: string,
    key: string,
  ) => Promise<{ readonly response: Uint8Array } | undefined>;
}

export interface TupleStorage {
  /** In canonical order, after the key of `after`, at most `limit`. Expired tuples that stand are included. */
  readonly read: (
    tenant: string,
    query: {
      readonly filter: TupleFilter;
      readonly revision: Revision;
      readonly after?: RelationTuple;
      readonly limit: number;
    },
  ) => Promise<readonly RelationTuple[]>;
  /** All tuples of each object, in one statement. */
  readonly readObjects: (
    tenant: string,
    revision: Revision,
    objects: readonly ObjectRef[],
  ) => Promise<readonly RelationTuple[]>;
  /**
   * The delegations as they stand at the head, read in one flight: what they are made of, and their
   * children. `undefined` where one of them is too large for that.
   */
  readonly surveyDelegations: (
    tenant: string,
    delegations: readonly ObjectRef[],
  ) => Promise<DelegationSurvey | undefined>;
  readonly readRecords: (
    tenant: string,
    delegationIds: readonly string[],
  ) => Promise<readonly DelegationRecord[]>;
  /** Pages as of a revision. */
  readonly loadPages: (
    tenant: string,
    revision: Revision,
    keys: readonly PageKey[],
  ) => Promise<readonly LoadedPage[]>;
  /** Changes after the revision, in order, in bounded chunks; `undefined` where they are no longer kept. */
  readonly readChanges: (
    tenant: string,
    after: Revision,
  ) => Promise<{ readonly head: Head; readonly changes: readonly RevisionChange[] | undefined }>;
}

export interface DelegationSurvey {
  readonly head: Head;
  readonly tuples: readonly RelationTuple[];
  readonly records: readonly DelegationRecord[];
  readonly childIds: readonly string[];
}

export interface ModelStorage {
  readonly write: (tenant: string, model: NewModel) => Promise<void>;
  /** `undefined` where the tenant has no such model. */
  readonly read: (tenant: string, modelId: string) => Promise<KeptModel | undefined>;
  /** Newest first, after the id of `after`. */
  readonly list: (
    tenant: string,
    query: { readonly after?: string; readonly limit: number },
  ) => Promise<readonly KeptModel[]>;
}

export interface NewModel {
  readonly modelId: string;
  readonly sources: readonly ModelSource[];
  readonly model: AuthorizationModel;
  readonly createdBy: string;
}

export interface KeptModel extends NewModel {
  readonly createdAtMs: number;
}

export interface TenantStorage {
  /** `tenant_exists`, and the tenant's first revision. */
  readonly create: (
    tenant: string,
    callerId: string,
    reason: string,
  ) => Promise<Head & { readonly createdAtMs: number }>;
  readonly list: (query: {
    readonly after?: string;
    readonly limit: number;
  }) => Promise<readonly KeptTenant[]>;
  /** `tenant_not_found`. */
  readonly head: (tenant: string) => Promise<Head>;
  /** What was true at a past revision. `revision_expired` below the horizon or above the head. */
  readonly at: (tenant: string, revision: Revision) => Promise<PastRevision>;
  /** The last revision that was committed at or before the instant. `revision_expired`. */
  readonly revisionAt: (tenant: string, instantMs: number) => Promise<Revision>;
  readonly leases: (tenant: string) => Promise<readonly KeptLease[]>;
}

/** What is kept of API keys beside the graph. */
export interface KeyStorage {
  readonly insert: (key: StoredApiKey) => Promise<void>;
  readonly find: (id: string) => Promise<StoredApiKey | undefined>;
  /** In the order of ids, after the id of `after`. */
  readonly list: (
    tenant: string,
    query: { readonly after?: string; readonly limit: number },
  ) => Promise<readonly StoredApiKey[]>;
  /** Those of all tenants that the callers made, or made with keys that they had made, and so on. */
  readonly madeBy: (
    callerIds: readonly string[],
    query: { readonly without: readonly string[]; readonly limit: number },
  ) => Promise<readonly StoredApiKey[]>;
}

export interface KeptTenant {
  readonly tenant: string;
  readonly head: Head;
  readonly createdAtMs: number;
}

export interface PastRevision {
  readonly head: Head;
  readonly committedAtMs: number;
  readonly modelId?: string;
}

export interface KeptLease {
  readonly leaseId: string;
  readonly node: string;
  readonly outdated: boolean;
  readonly acknowledged?: Revision;
  readonly revisionsBehind: number;
  readonly behindMs: number;
}
