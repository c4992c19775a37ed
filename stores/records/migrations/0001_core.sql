-- Lineage tables in shards, the step engine, tenants; roles and row security.
-- Runs as a role that may create roles (a superuser on the embedded server).

-- Roles -------------------------------------------------------------------------------------------
-- None can log in; the login that DataFlux connects with is a member of all but df_owner and
-- df_search, and takes one of them per connection. Nobody who serves requests is a member of
-- df_search: its policies are open.

do $$
declare
    name text;
begin
    foreach name in array array['df_owner', 'df_app', 'df_worker', 'df_relay', 'df_search', 'df_admin'] loop
        begin
            execute format('create role %I nologin', name);
        exception when duplicate_object or unique_violation then null;  -- roles belong to the whole server
        end;
    end loop;
    if not pg_has_role(current_user, 'df_owner', 'set') then
        execute format('grant df_owner, df_app, df_worker, df_relay, df_admin to %I', current_user);
    end if;
    execute format(
        'grant temporary on database %I to df_app, df_worker, df_relay, df_admin', current_database()
    );
end
$$;

grant create, usage on schema public to df_owner, df_search;
grant usage on schema public to df_app, df_worker, df_relay, df_admin;
grant df_search to df_owner;  -- gives the search views to their owner; df_owner never serves

set local role df_owner;

-- Shards ------------------------------------------------------------------------------------------

create function shard_edge(year int, quarter int) returns uuid
language sql immutable strict parallel safe as $$
    select (lpad(to_hex((year::bigint << 16) + (quarter << 14)), 8, '0')
            || '-0000-0000-0000-000000000000')::uuid
$$;
comment on function shard_edge is 'The lowest id of a quarter of the buckets of a year.';

create function tenant() returns uuid
language sql stable parallel safe as $$ select current_setting('dataflux.tenant')::uuid $$;
comment on function tenant is 'The tenant of this transaction; raises if none is set.';

create table entities (
    id uuid primary key,
    tenant_id uuid not null,
    entity_type varchar(50) not null check (entity_type in ('asset', 'segment', 'collection')),
    parent_id uuid,
    version int not null default 1 check (version > 0),
    version_of uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    is_latest boolean not null default true,
    deleted_at timestamptz,
    metadata jsonb not null default '{}'
) partition by range (id);

create table assets (
    id uuid primary key,
    tenant_id uuid not null,
    lineage uuid not null,
    source_id uuid,
    owner_id uuid,
    kind varchar(20) check (kind in ('video', 'audio', 'image', 'document')),
    filename text not null,
    file_hash varchar(64) not null,
    file_size bigint not null check (file_size >= 0),
    mime_type varchar(255) not null,
    storage_path text not null,
    upload_context jsonb not null default '{}',
    processing_status varchar(20) not null default 'uploaded'
        check (processing_status in ('uploaded', 'processing', 'completed', 'degraded', 'failed')),
    processing_priority int check (processing_priority between 1 and 10),
    reason varchar(50),
    detail text not null default '',
    run_id uuid,
    metadata jsonb not null default '{}'
) partition by range (id);
comment on column assets.run_id is 'The latest run of this version.';

create table segments (
    id uuid primary key,
    tenant_id uuid not null,
    asset_id uuid not null,
    lineage uuid not null,
    run_id uuid not null,
    live boolean not null default true,
    rests_on jsonb not null default '[]',
    parent_id uuid not null,
    segment_type varchar(50) not null,
    sequence_number int not null check (sequence_number >= 0),
    numbered boolean not null default true,
    start_marker jsonb not null,
    end_marker jsonb not null,
    confidence_score real not null default 1,
    t_start float8,
    t_end float8
) partition by range (id);
comment on column segments.rests_on is
    'Names of analyzers whose work this comes of, its segmenter aside: a new run of one replaces it.';
comment on column segments.numbered is
    'Whether stitch numbered it; what analyze finds inside a segment shares that one''s number.';
comment on column segments.t_start is 'Seconds, from the marker; null where the medium has no time.';

create table texts (
    id uuid primary key,
    tenant_id uuid not null,
    segment_id uuid not null,
    run_id uuid not null,
    live boolean not null default true,
    rests_on jsonb not null default '[]',
    source varchar(20) not null check (source in ('written', 'spoken', 'on_screen', 'tag', 'name')),
    language varchar(20),
    body text not null,
    confidence real,
    tsv tsvector not null,
    dl int not null check (dl >= 0)
) partition by range (id);
comment on column texts.dl is 'Length of the body in words, as the ranking counts them.';

create table features (
    id uuid primary key,
    tenant_id uuid not null,
    segment_id uuid not null,
    run_id uuid not null,
    live boolean not null default true,
    rests_on jsonb not null default '[]',
    feature_domain varchar(50) not null
        check (feature_domain in ('visual', 'semantic', 'style', 'technical', 'audio')),
    feature_type varchar(100) not null,
    feature_data jsonb not null,
    confidence real,
    analyzer_version varchar(100) not null,
    model varchar(100),
    created_at timestamptz not null default now()
) partition by range (id);

create table embeddings (
    id uuid primary key,
    tenant_id uuid not null,
    entity_id uuid not null,
    run_id uuid not null,
    live boolean not null default true,
    embedding_type varchar(50) not null
        check (embedding_type in ('visual', 'text', 'audio', 'multimodal')),
    model_name varchar(100) not null,
    space varchar(100) not null,
    vector_id text not null,
    created_at timestamptz not null default now()
) partition by range (id);
comment on column embeddings.vector_id is 'Key of the object that holds the vector, # its row.';

create table renditions (
    id uuid primary key,
    tenant_id uuid not null,
    entity_id uuid not null,
    run_id uuid not null,
    live boolean not null default true,
    kind varchar(50) not null,
    object_key text not null,
    mime_type varchar(255) not null,
    size bigint not null check (size >= 0),
    sha256 varchar(64) not null,
    metadata jsonb not null default '{}'
) partition by range (id);

create table relationships (
    id uuid primary key,
    tenant_id uuid not null,
    source_id uuid not null,
    target_id uuid not null,
    relationship_type varchar(50) not null,
    strength real not null check (strength between 0 and 1),
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now()
) partition by range (id);

create index entities_parent on entities (parent_id);
create index entities_newest on entities (tenant_id, created_at desc, id desc)
    where entity_type <> 'segment' and is_latest;
create index assets_lineage on assets (lineage);
create index assets_hash on assets (tenant_id, file_hash);
create index segments_asset on segments (asset_id, sequence_number);
create index segments_run on segments (run_id, sequence_number);
create index segments_parent on segments (parent_id);
create index texts_segment on texts (segment_id);
create index features_segment on features (segment_id);
create index features_type on features (tenant_id, feature_domain, feature_type);
create index embeddings_entity on embeddings (entity_id);
create index renditions_entity on renditions (entity_id, kind);
create index relationships_source on relationships (source_id);
create index relationships_target on relationships (target_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the content of asset % cannot change; make a new version', old.id
        using errcode = 'restrict_violation';
end
$$;
create trigger frozen before update on assets for each row
when (row(old.id, old.tenant_id, old.lineage, old.kind, old.filename, old.file_hash, old.file_size,
          old.mime_type, old.storage_path)
      is distinct from
      row(new.id, new.tenant_id, new.lineage, new.kind, new.filename, new.file_hash, new.file_size,
          new.mime_type, new.storage_path))
execute function refuse_change();

-- Rules of one leaf: the column that must lie in its range, and what it refers to in the same shard.
-- A foreign key from leaf to leaf costs a fraction of one to the partitioned parent.
create table shard_rules (tbl text, col text, ref text, primary key (tbl, col));
insert into shard_rules values
    ('entities', 'version_of', 'entities'),
    ('assets', 'id', 'entities'),
    ('assets', 'lineage', null),
    ('segments', 'id', 'entities'),
    ('segments', 'asset_id', 'assets'),
    ('segments', 'lineage', null),
    ('texts', 'segment_id', 'segments'),
    ('features', 'segment_id', 'segments'),
    ('embeddings', 'entity_id', 'entities'),
    ('renditions', 'entity_id', 'entities'),
    ('relationships', 'source_id', 'entities');

create function make_leaf(tbl text, suffix text, lo uuid, hi uuid) returns void
language plpgsql as $$
declare
    leaf text := tbl || '_' || suffix;
    rule record;
begin
    execute format(
        'create table %I (like %I including defaults including constraints including storage)',
        leaf, tbl
    );
    for rule in select * from shard_rules r where r.tbl = make_leaf.tbl and r.col <> 'id' loop
        execute format(
            'alter table %I add constraint %I check ((%3$I >= %4$L or %4$L is null) and %3$I < %5$L)',
            leaf, leaf || '_' || rule.col, rule.col, lo, hi
        );
    end loop;
    if tbl = 'entities' then  -- unique in the leaf and, by the check, everywhere
        execute format('create unique index on %I (version_of, version)', leaf);
        execute format('create unique index on %I (version_of) where is_latest', leaf);
    end if;
    -- ATTACH runs beside open writers; CREATE TABLE ... PARTITION OF would wait for all of them.
    execute format(
        'alter table %I attach partition %I for values from (%s) to (%L)',
        tbl, leaf, coalesce(quote_literal(lo), 'minvalue'), hi
    );
    for rule in select * from shard_rules r where r.tbl = make_leaf.tbl and r.ref is not null loop
        execute format(
            'alter table %I add foreign key (%I) references %I (id)',
            leaf, rule.col, rule.ref || '_' || suffix
        );
    end loop;
end
$$;

create function make_shard(suffix text, lo uuid, hi uuid) returns void language plpgsql as $$
declare
    tbl text;
begin
    foreach tbl in array array['entities', 'assets', 'segments', 'texts', 'features', 'embeddings',
                               'renditions', 'relationships'] loop
        if to_regclass(tbl || '_' || suffix) is null then
            perform make_leaf(tbl, suffix, lo, hi);
        end if;
    end loop;
end
$$;

create function ensure_year(year int) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    for quarter in 0..3 loop
        perform make_shard('y' || year || '_' || quarter,
                           shard_edge(year, quarter), shard_edge(year, quarter + 1));
    end loop;
end
$$;
comment on function ensure_year is 'Make the shards of a year; harmless if they are there.';
revoke execute on function ensure_year, make_shard, make_leaf from public;
grant execute on function ensure_year to df_admin;

-- The years before the installation share one archive; next year always exists.
select make_shard('archive', null, shard_edge(extract(year from now())::int, 0));
select ensure_year(extract(year from now())::int), ensure_year(extract(year from now())::int + 1);

create view shards as
select substring(leaf, '_y(\d+)_\d$')::int as year,
       case when substring(leaf, '_y(\d+)_\d$')::int >= extract(year from now())
            then 'shard_' || substring(leaf, '_(\d)$')::int + 1 else 'archive' end as shard,
       leaf
from (select inhrelid::regclass::text as leaf from pg_inherits
      where inhparent = 'entities'::regclass) leaves;
comment on view shards is 'Which leaf belongs to which shard: last year''s are the archive.';

-- Tenants, people, sources ------------------------------------------------------------------------

create table tenants (
    id uuid primary key,
    name text not null unique,
    acl_revision bigint not null default 0,
    created_at timestamptz not null default now()
);

create table users (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    name text not null,
    roles text[] not null default '{}' check (roles <@ array['admin', 'operator', 'viewer']),
    created_at timestamptz not null default now(),
    disabled_at timestamptz,
    unique (tenant_id, name)
);

create table groups (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    name text not null,
    created_at timestamptz not null default now(),
    unique (tenant_id, name)
);

create table group_members (
    group_id uuid not null references groups on delete cascade,
    user_id uuid not null references users on delete cascade,
    tenant_id uuid not null references tenants,
    primary key (group_id, user_id)
);
create index group_members_user on group_members (user_id);

create table api_keys (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    user_id uuid not null references users on delete cascade,
    name text not null default '',
    hash bytea not null unique,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

create table sources (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    name text not null,
    bucket text not null,
    prefix text not null default '',
    owner_id uuid not null references users,
    collection_id uuid,
    lane varchar(10) check (lane in ('high', 'normal', 'low')),
    created_at timestamptz not null default now(),
    unique (tenant_id, name)
);

create table contents (
    tenant_id uuid not null references tenants,
    sha256 varchar(64) not null,
    size bigint not null check (size >= 0),
    storage_path text not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, sha256)
);

create table arrivals (
    source_id uuid not null references sources,
    key text not null,
    etag text not null,
    tenant_id uuid not null references tenants,
    lineage uuid not null,
    object_key text not null unique,
    filename text not null,
    declared text,
    size bigint not null check (size >= 0),
    sha256 varchar(64) not null,
    priority int check (priority between 1 and 10),
    bulk boolean not null default false,
    priorities jsonb not null default '{}',
    owner_id uuid not null references users,
    state varchar(10) not null default 'open' check (state in ('open', 'taken', 'duplicate')),
    asset_id uuid,
    duplicate_of uuid,
    created_at timestamptz not null default now(),
    announced_at timestamptz not null default now(),
    announcements int not null default 1,
    closed_at timestamptz,
    primary key (source_id, key, etag)
);
create index arrivals_open on arrivals (created_at) where state = 'open';
create index arrivals_lineage on arrivals (lineage);

-- The step engine ---------------------------------------------------------------------------------

create table runs (
    id uuid primary key,
    tenant_id uuid not null references tenants,
    asset_id uuid not null,
    lineage uuid not null,
    state varchar(10) not null default 'planned'
        check (state in ('planned', 'running', 'completed', 'degraded', 'failed')),
    lane varchar(10) not null check (lane in ('high', 'normal', 'low')),
    strategy varchar(10) not null check (strategy in ('STREAM', 'CHUNKED', 'BATCH')),
    analyzer varchar(100) not null,
    scope varchar(100),
    base uuid references runs,
    config jsonb not null default '{}',
    open_stages int not null default 0 check (open_stages >= 0),
    to_index int not null default 0 check (to_index >= 0),
    degraded boolean not null default false,
    reason varchar(50),
    detail text not null default '',
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    indexed_at timestamptz,
    check ((scope is null) = (base is null))
) with (fillfactor = 70);
comment on column runs.scope is
    'Of a run of one analyzer (name@version): which one; it looks at the segments of the run `base`.';
create index runs_asset on runs (asset_id);
create index runs_open on runs (created_at) where state in ('planned', 'running');
create index runs_ended on runs (tenant_id, finished_at desc) where state in ('completed', 'degraded');

create table run_stages (
    run_id uuid not null references runs on delete cascade,
    stage varchar(20) not null,
    tenant_id uuid not null,
    pending int not null check (pending >= 0),
    done int not null default 0,
    failed int not null default 0,
    skipped int not null default 0,
    counts jsonb not null default '{}',
    opened_at timestamptz not null default now(),
    primary key (run_id, stage)
) with (fillfactor = 50);

create table pieces (
    id uuid primary key,
    tenant_id uuid not null,
    run_id uuid not null,
    stage varchar(20) not null,
    lane varchar(10) not null,
    index int not null,
    params jsonb not null default '{}',
    output jsonb not null default '{}',
    state varchar(10) not null default 'ready'
        check (state in ('ready', 'leased', 'done', 'failed', 'skipped')),
    reason varchar(50),
    detail text not null default '',
    attempts int not null default 0,
    max_attempts int not null,
    claim uuid,
    lease_until timestamptz,
    emitted_at timestamptz not null default now(),
    emissions int not null default 1,
    error text,
    foreign key (run_id, stage) references run_stages on delete cascade,
    unique (run_id, stage, index)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index pieces_open on pieces (coalesce(lease_until, emitted_at))
    where state in ('ready', 'leased');
comment on column pieces.claim is 'The fence: a random token per claim, because a number can be won twice after a crash.';

create table attempts (
    piece_id uuid not null references pieces on delete cascade,
    n int not null,
    tenant_id uuid not null,
    claimed_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    outcome varchar(10) check (outcome in ('done', 'failed', 'skipped', 'released', 'lost')),
    error text,
    primary key (piece_id, n)
);

create table outbox (
    id bigint generated always as identity primary key,
    tenant_id uuid not null,
    run_id uuid,
    events jsonb not null,
    created_at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
comment on table outbox is 'What is not known to be published: a row goes when its events have gone out.';

create table inbox (
    tenant_id uuid not null,
    consumer varchar(50) not null,
    event_id text not null,
    payload_hash bytea not null,
    seen_at timestamptz not null default now(),
    primary key (tenant_id, consumer, event_id)
);
create index inbox_seen on inbox (seen_at);

create table dead_letters (
    id uuid primary key,
    tenant_id uuid,
    consumer varchar(50) not null,
    topic text not null,
    event bytea not null,
    reason text not null,
    attempts int not null default 1,
    state varchar(10) not null default 'dead' check (state in ('dead', 'replayed', 'dropped')),
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now()
);
create index dead_letters_newest on dead_letters (tenant_id, last_at desc);
comment on column dead_letters.tenant_id is 'Null if the message names none: only df_admin sees it.';

create function add_counts(a jsonb, b jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(jsonb_object_agg(key, total), '{}')
    from (select key, sum(value::bigint) as total
          from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) pairs
          group by key) totals
$$;
comment on function add_counts is 'Add two objects of numbers, key by key.';

-- Row security ------------------------------------------------------------------------------------
-- Policies sit on the parents; leaves are granted to nobody, since a granted leaf bypasses them.

create function guard(tbl regclass) returns void language plpgsql as $$
begin
    execute format('alter table %s enable row level security', tbl);
    execute format('alter table %s force row level security', tbl);
    execute format('create policy tenant on %s to df_app, df_worker, df_owner
                    using (tenant_id = (select tenant())) with check (tenant_id = (select tenant()))',
                   tbl);
    execute format('create policy admin on %s to df_admin using (true) with check (true)', tbl);
    execute format('grant select, insert, update, delete on %s to df_app, df_admin', tbl);
    execute format('grant select, insert, update on %s to df_worker', tbl);
end
$$;
comment on function guard is 'Show a table to its tenant: df_app and df_worker; whole to df_admin.';

create function show_to_search(tbl regclass) returns void language plpgsql as $$
begin
    execute format('create policy search on %s for select to df_search using (true)', tbl);
    execute format('grant select on %s to df_search', tbl);
end
$$;
comment on function show_to_search is 'Let the views of df_search read a table; they name the tenant.';

create function show_to_relay(tbl regclass) returns void language plpgsql as $$
begin
    execute format('create policy relay on %s to df_relay using (true) with check (true)', tbl);
    execute format('grant select, update on %s to df_relay', tbl);
end
$$;
comment on function show_to_relay is 'Let the sweepers reach the rows of all tenants.';
revoke execute on function guard, show_to_search, show_to_relay from public;

select guard(t), show_to_search(t)
from unnest('{entities,assets,segments,texts,features,embeddings,renditions,relationships}'::regclass[]) t;
select guard(t)
from unnest('{users,groups,group_members,api_keys,sources,contents,arrivals,runs,run_stages,pieces,attempts,outbox,inbox,dead_letters}'::regclass[]) t;
select show_to_relay(t) from unnest('{runs,run_stages,pieces,outbox}'::regclass[]) t;
grant delete on outbox to df_relay, df_worker;
grant delete on relationships to df_worker;
revoke all on api_keys from df_worker;
grant select on shards to df_app, df_worker, df_relay, df_admin;

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant on tenants to df_app, df_worker, df_owner
    using (id = (select tenant())) with check (id = (select tenant()));
create policy admin on tenants to df_admin using (true) with check (true);
grant select, update on tenants to df_app;
grant select on tenants to df_worker;
grant select, insert, update, delete on tenants to df_admin;

reset role;
