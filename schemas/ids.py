"""Ids: UUIDv8 (RFC 9562) whose first 32 bits are the shard address of their lineage.

16 bits year, 16 bits bucket, then the rest: time and randomness for a lineage, a hash for what is
derived from one. All rows of a lineage and its versions therefore lie in one id range.
"""

import hashlib
from uuid import UUID

_REST = (1 << 96) - 1


def _v8(prefix: int, rest: int) -> UUID:
    bits = (prefix << 96) | (rest & _REST)
    bits = (bits & ~(0xF << 76)) | (8 << 76)
    return UUID(int=(bits & ~(3 << 62)) | (2 << 62))


def lineage(year: int, unix_ms: int, randomness: bytes) -> UUID:
    """Return a new lineage id; `randomness` is 12 bytes: 2 for the bucket, 6 for the tail."""
    drawn = int.from_bytes(randomness, "big")
    return _v8((year << 16) | (drawn >> 80), (unix_ms << 48) | (drawn & ((1 << 48) - 1)))


def derived(root: UUID, *key: object) -> UUID:
    """Return the id of what `key` names under `root`: always the same one, in its shard."""
    digest = hashlib.sha256("\0".join(map(str, (root, *key))).encode()).digest()
    return _v8(root.int >> 96, int.from_bytes(digest[:12], "big"))


def bounds(root: UUID) -> tuple[UUID, UUID]:
    """Return the inclusive range of every id that shares the shard address of `root`."""
    prefix = root.int >> 96
    return UUID(int=prefix << 96), UUID(int=((prefix + 1) << 96) - 1)


def edge(year: int, quarter: int = 0) -> UUID:
    """Return the lowest id of a quarter of a year's buckets: where a shard begins."""
    return UUID(int=((year << 16) | (quarter << 14)) << 96)
