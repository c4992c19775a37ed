-- Dead letters say which event they hold, where it comes from and what became of it.

set local role df_owner;

alter table dead_letters
    add column event_id text,
    add column event_type text,
    add column detail text not null default '',
    add column origin jsonb not null default '{}',
    add column settled_at timestamptz,
    drop constraint dead_letters_state_check;
alter table dead_letters add constraint dead_letters_state_check
    check (state in ('dead', 'retried', 'replayed', 'discarded'));
comment on column dead_letters.event_id is 'Null if the message can not be read.';
comment on column dead_letters.origin is
    'Topic, partition, offset, and what failed in the names that Knative gives it.';

create index pieces_failed on pieces (run_id) where state = 'failed';

-- Who runs the installation sees the letters of all tenants, and those of nobody.
alter table users drop constraint users_roles_check;
alter table users add constraint users_roles_check
    check (roles <@ array['admin', 'operator', 'viewer', 'superadmin']);

reset role;
