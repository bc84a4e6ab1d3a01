-- Of a relation with very many tuples a node holds those that are not plain members: without an index of
-- their own it would read all of them to find these.
create index relation_tuple_live_indirect on relation_tuple
  (tenant_id, object_type, object_id, relation, subject_type, subject_id, subject_relation)
  where deleted_rev is null
    and (subject_relation <> '' or subject_id = '*' or condition_name is not null);
