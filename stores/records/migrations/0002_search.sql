-- Search and access: who may see what, the views that searching reads, statistics, vector spaces.

create extension if not exists vector;

do $$
begin
    create role df_auth nologin;  -- owns authenticate() alone; nobody is a member
exception when duplicate_object or unique_violation then null;
end
$$;
grant df_auth to df_owner;
grant create, usage on schema public to df_auth;

set local role df_owner;

-- Who may see what ---------------------------------------------------------------------------------

create table permissions (
    id uuid primary key,
    tenant_id uuid not null,
    subject_id uuid not null,
    subject_kind text not null check (subject_kind in ('user', 'group')),
    entity_id uuid not null,
    permission_type text not null check (permission_type in
        ('owner', 'editor', 'viewer', 'analyze', 'export', 'delete', 'share', 'api')),
    granted_at timestamptz not null default now(),
    granted_by uuid,
    expires_at timestamptz,
    unique (tenant_id, subject_id, entity_id, permission_type)
);
create index permissions_entity on permissions (tenant_id, entity_id, subject_id);

-- What lies in a collection: assets by their lineage, and other collections.
create table memberships (
    tenant_id uuid not null,
    collection_id uuid not null,
    lineage uuid not null,
    origin text not null default 'manual',
    added_by uuid,
    added_at timestamptz not null default now(),
    primary key (collection_id, lineage)
);
create index memberships_lineage on memberships (tenant_id, lineage, collection_id);

-- Derived from memberships: each lineage with itself and every collection above it.
create table asset_scopes (
    tenant_id uuid not null,
    lineage uuid not null,
    scope uuid not null,
    primary key (lineage, scope)
);
create index asset_scopes_scope on asset_scopes (tenant_id, scope, lineage);

select guard(t) from unnest('{permissions,memberships,asset_scopes}'::regclass[]) t;
grant delete on asset_scopes to df_worker;

create function scopes_of(roots uuid[]) returns table (lineage uuid, scope uuid)
language sql stable as $$
    with recursive up (lineage, scope) as (
        select root, root from unnest(roots) root
        union
        select up.lineage, above.id
        from up cross join lateral (
            select m.collection_id from memberships m where m.lineage = up.scope
            union all
            select e.parent_id from entities e
            where e.id = up.scope and e.entity_type = 'collection' and e.parent_id is not null
        ) above (id)
    )
    select up.lineage, up.scope from up
$$;

create function lies_in(roots uuid[]) returns table (lineage uuid)
language sql stable as $$
    with recursive down (lineage) as (
        select root from unnest(roots) root
        union
        select below.id
        from down cross join lateral (
            select m.lineage from memberships m where m.collection_id = down.lineage
            union all
            select e.id from entities e
            where e.parent_id = down.lineage and e.entity_type = 'collection'
        ) below (id)
    )
    select down.lineage from down
$$;

-- Bring the scopes of these and of all that lies in them up to date.
create function refresh_scopes(roots uuid[]) returns void language plpgsql as $$
declare
    stale uuid[] := array(select lineage from lies_in(roots));
begin
    delete from asset_scopes a where a.lineage = any (stale)
        and not exists (select from scopes_of(stale) s where (s.lineage, s.scope) = (a.lineage, a.scope));
    insert into asset_scopes (tenant_id, lineage, scope)
        select tenant(), s.lineage, s.scope from scopes_of(stale) s on conflict do nothing;
end $$;

-- The lineage whose grants decide about an asset, a version, a segment or a collection.
create function lineage_of(entity uuid) returns uuid language sql stable as $$
    select coalesce(
        (select s.lineage from segments s where s.id = entity),
        (select coalesce(e.version_of, e.id) from entities e where e.id = entity)
    )
$$;

-- The only question that may be asked before the tenant is known.
create function authenticate(key_hash bytea)
returns table (tenant_id uuid, user_id uuid, roles text[], subjects uuid[])
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
    select u.tenant_id, u.id, u.roles,
           u.id || array(select m.group_id from public.group_members m where m.user_id = u.id)
    from public.api_keys k join public.users u on u.id = k.user_id
    where k.hash = key_hash and k.revoked_at is null and u.disabled_at is null
      and (k.expires_at is null or k.expires_at > now())
$$;
create policy auth on users for select to df_auth using (true);
create policy auth on group_members for select to df_auth using (true);
create policy auth on api_keys for select to df_auth using (true);
grant select on users, group_members, api_keys to df_auth;
revoke execute on function authenticate from public;
grant execute on function authenticate to df_app, df_admin;
alter function authenticate owner to df_auth;

create view user_permissions with (security_invoker = true) as
    select held.user_id, p.entity_id,
           array_agg(distinct p.permission_type order by p.permission_type) as permissions
    from permissions p
    join (
        select u.id as user_id, u.id as subject_id from users u
        union all
        select m.user_id, m.group_id from group_members m
    ) held using (subject_id)
    where p.expires_at is null or p.expires_at > now()
    group by held.user_id, p.entity_id;
grant select on user_permissions to df_app, df_worker;

-- What searching reads -----------------------------------------------------------------------------

create index texts_tsv on texts using gin (tsv) with (fastupdate = off);
create index features_data on features using gin (feature_data jsonb_path_ops) with (fastupdate = off);

-- These views belong to df_search, whose policies are open: the tenant is then an ordinary condition
-- and the GIN indexes serve (under row security @@ and @> are not index conditions).
-- The *_index views hold what is live; only the search_* views also leave out what is deleted.
create view text_index as
    select id, segment_id, source, language, body, confidence, tsv, dl
    from texts where tenant_id = (select tenant()) and live;

create view feature_index as
    select id, segment_id, feature_domain, feature_type, feature_data, confidence,
           analyzer_version, model
    from features where tenant_id = (select tenant()) and live;

create view segment_index as
    select id, asset_id, lineage, parent_id, segment_type, sequence_number, start_marker,
           end_marker, confidence_score, t_start, t_end
    from segments where tenant_id = (select tenant()) and live;

create view search_assets as
    select a.id, a.lineage, a.kind, a.filename, a.mime_type, a.file_size, a.file_hash,
           e.version, e.created_at
    from assets a join entities e on e.id = a.id
    where a.tenant_id = (select tenant()) and e.is_latest and e.deleted_at is null;

create view search_segments as
    select s.*, a.kind, a.filename, a.mime_type, a.file_size, a.version, a.created_at
    from segment_index s join search_assets a on a.id = s.asset_id;

create view search_texts as
    select t.*, s.asset_id, s.lineage from text_index t join search_segments s on s.id = t.segment_id;

create view search_features as
    select f.*, s.asset_id, s.lineage
    from feature_index f join search_segments s on s.id = f.segment_id;

do $$
declare
    v text;
begin
    foreach v in array array['text_index', 'feature_index', 'segment_index', 'search_assets',
                             'search_segments', 'search_texts', 'search_features'] loop
        execute format('alter view %I owner to df_search', v);
        execute format('grant select on %I to df_app, df_worker', v);
    end loop;
end $$;

-- Statistics ---------------------------------------------------------------------------------------

create table tenant_stats (
    tenant_id uuid primary key,
    n bigint not null,
    avgdl real not null,
    languages text[] not null default '{}',
    counted_at timestamptz not null default now()
);
-- Only of common terms: rare ones are counted when they are asked for.
create table term_stats (
    tenant_id uuid not null,
    term text not null,
    df bigint not null,
    primary key (tenant_id, term)
);
-- The cosine of random pairs in a space: what "nothing in common" looks like there.
create table space_stats (
    tenant_id uuid not null,
    space text not null,
    mean real not null,
    sd real not null check (sd > 0),
    pairs int not null,
    measured_at timestamptz not null default now(),
    primary key (tenant_id, space)
);
select guard(t) from unnest('{tenant_stats,term_stats,space_stats}'::regclass[]) t;
grant delete on term_stats to df_worker;

-- Vector spaces ------------------------------------------------------------------------------------

-- Of the installation, not of a tenant: names and sizes only.
create table model_spaces (
    space text primary key check (space ~ '^[a-z0-9_]+/[a-zA-Z0-9._-]+@[a-zA-Z0-9._-]+$'),
    dimensions int not null check (dimensions between 1 and 4000),
    table_name text not null unique,
    created_at timestamptz not null default now()
);
grant select on model_spaces to df_app, df_worker;

-- The one way for a worker to make a table: with this shape, these policies and this owner.
create function ensure_space(name text, size int) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    known public.model_spaces;
    t text := 'vec_' || left(md5(name), 16);
begin
    select * into known from public.model_spaces where space = name;
    if not found then
        perform pg_advisory_xact_lock(hashtext('ensure_space'));
        select * into known from public.model_spaces where space = name;
    end if;
    if found then
        if known.dimensions <> size then
            raise 'space % has % dimensions, not %', name, known.dimensions, size
                using errcode = 'invalid_parameter_value';
        end if;
        return known.table_name;
    end if;
    insert into public.model_spaces (space, dimensions, table_name) values (name, size, t);
    execute format('create table public.%I (id uuid primary key, tenant_id uuid not null,'
        ' segment_id uuid not null, lineage uuid not null, v halfvec(%s) not null)', t, size);
    -- a wide vector would else lie out of line and be nine times slower to compare
    execute format('alter table public.%I alter column v set storage plain', t);
    execute format('create index on public.%I using hnsw (v halfvec_cosine_ops)'
        ' with (m = 16, ef_construction = 64)', t);
    execute format('create index on public.%I (tenant_id, lineage)', t);
    execute format('create index on public.%I (segment_id)', t);
    perform public.guard(t::regclass);
    execute format('grant delete on public.%I to df_worker', t);
    return t;
end $$;
revoke execute on function ensure_space from public;
grant execute on function ensure_space to df_worker, df_app;

reset role;
revoke create on schema public from df_auth;
