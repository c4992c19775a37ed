"""Process an asset once more: a new run of the same version."""

from collections.abc import Mapping
from uuid import UUID

from dataflux import policy
from functions.deps import Deps
from functions.originals import original
from functions.plan import configuration, first
from functions.work import NewRun, Write
from schemas import ids
from stores.records import assets, runs
from stores.records.assets import Asset


def rerun(
    deps: Deps, tenant: UUID, asset: Asset, priorities: Mapping[str, int] | None = None
) -> UUID:
    """Plan a run of an asset and announce its pieces; return its id.

    Its results take the place of the former run's when it completes. Without `priorities` those of
    the run before hold.
    """
    every = deps.engine.read(tenant, runs.of_asset, asset.id)
    earlier = [run for run in every if run.scope is None]
    with original(deps, asset.storage_path) as source:
        found = deps.sandbox.identify(source, filename=asset.filename)
    if priorities is None:
        priorities = earlier[0].config.get("priorities", {}) if earlier else {}
    run = NewRun(
        id=ids.derived(asset.lineage, asset.id, "run", len(every) + 1),
        asset=asset.id,
        lineage=asset.lineage,
        lane=policy.lane(asset.file_size, asset.processing_priority),
        strategy=policy.strategy(asset.file_size, found.mime_type),
        analyzer=found.analyzer,
        pieces=first(found.pieces),
        config=configuration(deps.settings, found.mime_type, priorities),
    )
    queued = Write(assets.set_status, (asset.id, "uploaded"))
    deps.engine.write("api", tenant, [queued], run=run)
    return run.id
