-- By which nodes believe one another's hints, and nobody else can read them: see `src/store/hint-seal.ts`.
create table hint_key (
  key bytea not null
);
insert into hint_key select uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
