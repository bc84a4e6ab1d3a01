-- The process that holds a lease, where its end can be proven on this host: see `src/store/process-identity.ts`.
alter table lease add column process text;
