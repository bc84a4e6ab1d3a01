-- Times are milliseconds since 1970. Text is compared by bytes. Every key begins with the tenant.

-- The row is the tenant's write lock: a write takes it first, by allotting its revision. `head_at_ms`
-- never goes back, whatever the clock does.
create table tenant (
  id text collate "C" primary key,
  head bigint not null default 0,
  head_at_ms bigint not null default 0,
  horizon bigint not null default 0,
  active_model_id text collate "C",
  created_at_ms bigint not null,
  check (horizon between 0 and head)
) with (fillfactor = 50);

-- One row a revision, empty ones too, without a gap in (horizon, head].
create table revision (
  tenant_id text collate "C" not null,
  rev bigint not null,
  committed_at_ms bigint not null,
  caller_id text collate "C" not null,
  operation text collate "C" not null,
  reason text collate "C" not null,
  model_id text collate "C",
  created_count integer not null,
  deleted_count integer not null,
  primary key (tenant_id, rev)
);

-- A tuple is visible at the revisions [created_rev, deleted_rev); `deleted_rev` is null while it is live.
-- A wildcard has the subject id `*`, a subject that is no userset has the relation ''.
create table relation_tuple (
  tenant_id text collate "C" not null,
  created_rev bigint not null,
  ord integer not null,
  object_type text collate "C" not null,
  object_id text collate "C" not null,
  relation text collate "C" not null,
  subject_type text collate "C" not null,
  subject_id text collate "C" not null,
  subject_relation text collate "C" not null,
  condition_name text collate "C",
  condition_context text collate "C",
  expires_at_ms bigint,
  deleted_rev bigint,
  primary key (tenant_id, created_rev, ord),
  check ((condition_name is null) = (condition_context is null)),
  check (deleted_rev > created_rev)
);

create unique index relation_tuple_live on relation_tuple
  (tenant_id, object_type, object_id, relation, subject_type, subject_id, subject_relation)
  where deleted_rev is null;

create index relation_tuple_live_reverse on relation_tuple
  (tenant_id, subject_type, subject_id, subject_relation, object_type, relation, object_id)
  where deleted_rev is null;

create index relation_tuple_expiring on relation_tuple (tenant_id, expires_at_ms)
  where deleted_rev is null and expires_at_ms is not null;

create index relation_tuple_deleted on relation_tuple (tenant_id, deleted_rev)
  where deleted_rev is not null;

create index relation_tuple_past on relation_tuple (tenant_id, object_type, object_id, deleted_rev)
  where deleted_rev is not null;

create table authorization_model (
  tenant_id text collate "C" not null,
  id text collate "C" not null,
  sources text collate "C" not null,
  parsed text collate "C" not null,
  created_by text collate "C" not null,
  created_at_ms bigint not null,
  primary key (tenant_id, id)
);

-- Outlives the history: it says under which model an older revision was judged.
create table model_activation (
  tenant_id text collate "C" not null,
  rev bigint not null,
  model_id text collate "C" not null,
  primary key (tenant_id, rev)
);

create table delegation_record (
  tenant_id text collate "C" not null,
  id text collate "C" not null,
  purpose text collate "C" not null,
  consent text collate "C",
  labels text collate "C" not null,
  created_by text collate "C" not null,
  created_at_ms bigint not null,
  primary key (tenant_id, id)
);

-- Outlives the history: an id is never used again.
create table retired_delegation (
  tenant_id text collate "C" not null,
  id text collate "C" not null,
  rev bigint not null,
  primary key (tenant_id, id)
);

create table idempotency (
  tenant_id text collate "C" not null,
  caller_id text collate "C" not null,
  key text collate "C" not null,
  request_hash text collate "C" not null,
  response bytea not null,
  created_at_ms bigint not null,
  primary key (tenant_id, caller_id, key)
);

create index idempotency_age on idempotency (tenant_id, created_at_ms);

-- Logged, and only ever removed by a release or a kill that names the observed counter.
create table lease (
  lease_id uuid primary key,
  node text not null,
  tl text collate "C" not null,
  kill_ms integer not null,
  renew_seq bigint not null default 0
) with (fillfactor = 50);

create table lease_tenant (
  tenant_id text collate "C" not null,
  lease_id uuid not null references lease on delete cascade,
  acked_rev bigint not null default 0,
  primary key (tenant_id, lease_id)
) with (fillfactor = 50);

create index lease_tenant_lease on lease_tenant (lease_id);

-- The write-ahead log's timeline. It fails on a standby, and it is meant to.
create function prokura_timeline() returns text language sql volatile
  as $$ select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) $$;

create function prokura_now_ms() returns bigint language sql volatile
  as $$ select floor(extract(epoch from clock_timestamp()) * 1000)::bigint $$;

-- Autovacuum's defaults wait for a fifth of a table to change: too long for rows that change at every write.
alter table tenant set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
alter table lease set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
alter table lease_tenant set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
