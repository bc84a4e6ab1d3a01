-- What is kept of keys by which callers show who they are: never the key itself. Whether one is good
-- stands in the system tenant's graph, so that ending it is as immediate as any other write. All rows
-- have the system tenant in their key; `good_for` is the tenant that the key was made for.
create table api_key (
  tenant_id text collate "C" not null,
  id text collate "C" not null,
  good_for text collate "C" not null,
  name text collate "C" not null,
  permissions text collate "C" not null,
  secret_hash text collate "C" not null,
  created_by text collate "C" not null,
  created_at_ms bigint not null,
  expires_at_ms bigint,
  primary key (tenant_id, id)
);

create index api_key_good_for on api_key (tenant_id, good_for, id);
