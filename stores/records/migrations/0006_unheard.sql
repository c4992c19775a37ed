-- What `relate` has not been told of, so that a lost message is noticed; and when a dead letter
-- that was settled may be forgotten.

set local role df_owner;

alter table runs add column to_relate int not null default 0 check (to_relate >= 0);
comment on column runs.to_relate is 'How many facts about this run relate has yet to have.';
create index runs_unrelated on runs (indexed_at) where to_relate > 0;

create index dead_letters_settled on dead_letters (settled_at) where settled_at is not null;

reset role;
