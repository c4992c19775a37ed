-- What a tenant has consented to, and who said so: without a row, no.

set local role df_owner;

create table consents (
    tenant_id uuid not null references tenants,
    purpose text not null check (purpose in ('faces')),
    given_by uuid not null references users,
    given_at timestamptz not null default now(),
    primary key (tenant_id, purpose)
);
comment on table consents is 'Withdrawn by deleting the row, together with what was found under it.';
select guard('consents');

reset role;
