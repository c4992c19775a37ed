-- How long an attempt has waited for its process to start.

set local role df_owner;

alter table attempts add column cold_s real check (cold_s >= 0);
comment on column attempts.cold_s is 'Seconds that it has waited for its process to start, if so.';

reset role;
