-- The log of decisions, and what keeps the changes from being altered unseen. See docs/audit.md.

-- Each revision is chained to the one before: `digest` covers that of the last revision and what this
-- row says; `content_digest` covers the tuples and records that it wrote. Null in revisions from before.
alter table revision add column content_digest bytea;
alter table revision add column digest bytea;
alter table revision add column record_ids text collate "C";

-- One chain of rows a node. `head_hash` is that of the last row. A row is appended where the head is as
-- the writer knows it, or not at all, so that a chain never forks.
create table log_chain (
  tenant_id text collate "C" not null,
  chain text collate "C" not null,
  head_seq bigint not null default 0,
  head_hash bytea not null default decode(repeat('00', 32), 'hex'),
  primary key (tenant_id, chain)
) with (fillfactor = 50);

-- The rows [first_seq, last_seq] of a chain, as they were written at a time: canonical JSON, a line each,
-- compressed by gzip. `hashes` has 32 bytes a row. All other columns follow from the rows, and serve to
-- find them: `terms` has the first 8 bytes of the SHA-256 of each of who and what they are about, and
-- decisions have ids that count up within a source.
create table log_segment (
  tenant_id text collate "C" not null,
  chain text collate "C" not null,
  first_seq bigint not null,
  last_seq bigint not null,
  from_ms bigint not null,
  to_ms bigint not null,
  decision_source text collate "C",
  decision_first bigint,
  decision_last bigint,
  terms bigint[] not null,
  rows bytea not null,
  hashes bytea not null,
  primary key (tenant_id, chain, first_seq)
);

create index log_segment_time on log_segment (tenant_id, from_ms, chain, first_seq);

create index log_segment_terms on log_segment using gin (terms);

create index log_segment_decisions on log_segment (tenant_id, decision_source, decision_last)
  where decision_source is not null;

-- Already compressed.
alter table log_segment alter column rows set storage external;
alter table log_segment alter column hashes set storage external;

-- What a node signed of its own chain.
create table log_checkpoint (
  tenant_id text collate "C" not null,
  chain text collate "C" not null,
  seq bigint not null,
  body text collate "C" not null,
  signature bytea not null,
  primary key (tenant_id, chain, seq)
);

alter table log_chain set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
