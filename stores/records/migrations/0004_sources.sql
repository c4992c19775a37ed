-- Sources in buckets: who may tell of new objects, how far the sweep has come, and that a source
-- that is removed takes nothing more while what has come from it stays.

set local role df_admin;  -- who sees the rows of every tenant
update sources set bucket = '' where name = 'inbox' and bucket = 'inbox';

set local role df_owner;

alter table sources
    add column secret bytea,
    add column removed_at timestamptz,
    add column swept_to text not null default '',
    add column swept_at timestamptz;
comment on column sources.bucket is 'Empty for what comes in by upload or from a folder.';
comment on column sources.secret is 'The hash of what a sender of notifications must know.';
comment on column sources.swept_to is 'The last key of the sweep that is under way.';

alter table sources drop constraint sources_tenant_id_name_key;
create unique index sources_name on sources (tenant_id, name) where removed_at is null;
create unique index sources_place on sources (bucket, prefix)
    where bucket <> '' and removed_at is null;

alter table arrivals drop constraint arrivals_object_key_key;
create unique index arrivals_object_key on arrivals (tenant_id, object_key);
alter table arrivals drop constraint arrivals_state_check;
alter table arrivals add constraint arrivals_state_check
    check (state in ('open', 'taken', 'duplicate', 'gone'));

reset role;
