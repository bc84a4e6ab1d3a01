-- What of a chain is gone because it was too old, and when a row last said so: such rows grow old
-- themselves, and are written again before they go. The chain with the empty name stands for the changes.
alter table log_chain add column aged_through bigint;
alter table log_chain add column aged_hash bytea;
alter table log_chain add column aged_noted_ms bigint;
