-- What binds all that counts now: a sum over the live tuples and the active model of a tenant, and after each
-- revision its digest. Null in a tenant that had changes before there was one: nobody summed those up.
alter table tenant add column live_sum bytea;
alter table tenant alter column live_sum set default decode(repeat('00', 256), 'hex');
update tenant set live_sum = default where head = 0;

-- Whose node wrote a revision: its public key, and with the last of those written together a signature of
-- so many of them. Null where nobody signed.
alter table revision add column live_digest bytea;
alter table revision add column signer text collate "C";
alter table revision add column signature bytea;
alter table revision add column signed_count integer;
