-- Which runs have ended and are not searchable yet: asked by reconcile, every few seconds.

set local role df_owner;

create index runs_unindexed on runs (finished_at) where to_index > 0;

reset role;
