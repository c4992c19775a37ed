"""The files that people gave: in the object store, or left in the bucket of their source."""

import hashlib

from functions.deps import Deps
from stores.objects.in_bucket import InBucket
from stores.ports import ObjectReader

STEP = 8 << 20


def original(deps: Deps, place: str) -> ObjectReader:
    """Open an original; raise ObjectMissing if it is gone, or replaced by another."""
    if InBucket.is_named(place):
        return deps.buckets.open(InBucket.of(place))
    return deps.objects.open(place)


def digest(reader: ObjectReader) -> str:
    """Return the SHA-256 of an original, in one pass over its bytes."""
    found = hashlib.sha256()
    for at in range(0, reader.size, STEP):
        found.update(reader.read(at, STEP))
    return found.hexdigest()
