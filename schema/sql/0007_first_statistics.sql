-- Without statistics PostgreSQL takes one index of `relation_tuple` for as good as another, and looks for
-- an object's tuples under every subject that there is: until a table that filled quickly is analysed for
-- the first time, a minute later, a page takes fifty times as long. So an empty table is shown beforehand
-- what tuples look like: many objects, many subjects, few types and relations. Of these rows nothing stays
-- but the statistics, until there are better ones. No real name has a blank in it.

insert into relation_tuple (tenant_id, created_rev, ord, object_type, object_id, relation,
    subject_type, subject_id, subject_relation)
  select 'tenant ' || n % 3, n / 10, n % 10, 'type ' || n % 7, 'object ' || n / 2, 'relation ' || n % 5,
    'type ' || n % 11, 'subject ' || n * 7919 % 5003, case when n % 10 = 0 then 'member' else '' end
  from generate_series(1, 10000) as n
  where not exists (select 1 from relation_tuple);

analyze relation_tuple;

delete from relation_tuple where tenant_id like 'tenant _' and object_type like 'type _';
