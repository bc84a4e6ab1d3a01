-- A row that says what is old goes with the time, not with a chain: what a chain lost is shown by checkpoints.
-- `aged_through` and `aged_hash` say where a chain begins, as of the last batch that was removed.
alter table log_chain drop column aged_noted_ms;

-- Who is offboarded leaves keys behind, and those leave keys.
create index api_key_created_by on api_key (tenant_id, created_by);
