"""Delete the objects that nothing stands for, once they are so old that nobody is at it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from uuid import UUID

from functions.deps import Deps
from stores.records.orphans import Place, unnamed

GRACE_S = 24 * 3600.0
"""Longer than any upload takes from its last byte to its row."""
BATCH = 1000
OURS = ("originals/", "derived/")


def sweep(deps: Deps, older_than_s: float = GRACE_S) -> int:
    """Delete them; return how many there were."""
    places, swept = _old(deps, older_than_s), 0
    while batch := list(islice(places, BATCH)):
        for tenant, group in _by_tenant(batch).items():
            for key in deps.engine.read(tenant, unnamed, group):
                deps.objects.delete(key)
                swept += 1
    return swept


def _old(deps: Deps, older_than_s: float) -> Iterator[Place]:
    before = deps.clock.now() - timedelta(seconds=older_than_s)
    for prefix in OURS:
        for info in deps.objects.list(prefix):
            place = Place.of(info.key)
            if place is not None and info.modified_at <= before:
                yield place


def _by_tenant(places: Sequence[Place]) -> dict[UUID, list[Place]]:
    grouped: dict[UUID, list[Place]] = defaultdict(list)
    for place in places:
        grouped[place.tenant].append(place)
    return grouped
