/** The tables as kysely sees them. Numbers are safe integers, times milliseconds since 1970. */
export interface Schema {
  readonly tenant: TenantTable;
  readonly revision: RevisionTable;
  readonly relation_tuple: RelationTupleTable;
  readonly authorization_model: AuthorizationModelTable;
  readonly delegation_record: DelegationRecordTable;
  readonly retired_delegation: RetiredDelegationTable;
}

export interface TenantTable {
  readonly id: string;
  readonly head: number;
  readonly head_at_ms: number;
  readonly horizon: number;
  readonly active_model_id: string | null;
  readonly created_at_ms: number;
}

export interface RevisionTable {
  readonly tenant_id: string;
  readonly rev: number;
  readonly committed_at_ms: number;
  readonly caller_id: string;
  readonly operation: string;
  readonly reason: string;
  readonly model_id: string | null;
  readonly created_count: number;
  readonly deleted_count: number;
}

export interface RelationTupleTable extends TupleRow {
  readonly tenant_id: string;
  readonly created_rev: number;
  readonly ord: number;
  readonly deleted_rev: number | null;
}

/** The columns that make up a relation tuple. */
export interface TupleRow {
  readonly object_type: string;
  readonly object_id: string;
  readonly relation: string;
  readonly subject_type: string;
  readonly subject_id: string;
  readonly subject_relation: string;
  readonly condition_name: string | null;
  readonly condition_context: string | null;
  readonly expires_at_ms: number | null;
}

export interface AuthorizationModelTable {
  readonly tenant_id: string;
  readonly id: string;
  readonly sources: string;
  readonly parsed: string;
  readonly created_by: string;
  readonly created_at_ms: number;
}

export interface DelegationRecordTable {
  readonly tenant_id: string;
  readonly id: string;
  readonly purpose: string;
  readonly consent: string | null;
  readonly labels: string;
  readonly created_by: string;
  readonly created_at_ms: number;
}

export interface RetiredDelegationTable {
  readonly tenant_id: string;
  readonly id: string;
  readonly rev: number;
}
