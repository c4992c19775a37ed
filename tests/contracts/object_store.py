"""What every object store does."""

import contextlib
import hashlib
import io
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from dataflux.errors import Conflict, Invalid, ObjectMissing
from stores.ports import ObjectStore

LONG_PART = "x" * 1024
LONG_UNICODE_PART = "日" * 341
LONG_CONTROL_PART = "\x01" * 1024
NEW_LINE = "new\nline"
HOSTILE = [
    "a/b",
    "a/000001~" + "0" * 64,
    "a/000001-" + "0" * 64,
    "...",
    "..a/b..",
    ".incoming/x",
    "a/.hidden",
    "z" * 66 + "..",
    "z" * 66 + ".",
    "x" * 66 + "../" + "x" * 66 + "../escaped",
    NEW_LINE,
    "tab\tand space ",
    " ",
    "plus+and%20percent%",
    "%2E%2E",
    "%",
    "a%/b",
    "a\\b",
    "C:",
    "quote\"'`$(x)*?[a]",
    "ünïcödé/日本語/🎬",
    "e\u0301",
    "\u00e9",
    "UPPER",
    "upper",
    "~",
    "1~2",
    LONG_PART,
    LONG_UNICODE_PART,
    LONG_CONTROL_PART,
    "/".join("y" * 200),
]
"""Keys that a store may stumble over; no two are the same object."""


NO_KEYS = [
    *("", "/", "/a", "/etc/passwd", "a/", "a//b"),
    *(".", "..", "../../etc/passwd", "a/../../b", "a/..", "./a", "a/./b"),
    *("nul\0byte", "\0", "x" * 1025, "日" * 342),
]


class _Broken(io.RawIOBase):
    """A stream that ends in the middle, as an upload whose sender goes away does."""

    def __init__(self) -> None:
        self._left = [b"some", b"bytes"]

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            raise ValueError("the sender has gone")
        return self._left.pop()


class ObjectStoreContract:
    """Subclass with a fixture `objects`, and say what its server cannot hold."""

    UNKEPT: ClassVar[frozenset[str]] = frozenset()
    """Hostile keys that the server behind an adapter refuses: it must say so."""
    FLAWED: ClassVar[frozenset[str]] = frozenset()
    """Hostile keys that a mock of a server gets wrong: nothing is said of them."""
    NESTS: ClassVar[bool] = True
    """Whether an object may lie below another, as a/b below a."""
    LISTS_BELOW: ClassVar[bool] = True
    """Whether a list shows what lies below another object."""

    @pytest.fixture
    def objects(self) -> ObjectStore:
        raise NotImplementedError("the adapter's test supplies its store")

    @staticmethod
    def read(objects: ObjectStore, key: str, version: str | None = None) -> bytes:
        with objects.open(key, version) as reader:
            return reader.read(0, reader.size)

    @pytest.mark.parametrize("body", [b"", b"x", b"some bytes" * 300_000])
    def test_what_was_put_can_be_read(self, objects: ObjectStore, body: bytes) -> None:
        info = objects.put("a/b", body)
        assert self.read(objects, "a/b") == body
        assert (info.key, info.size) == ("a/b", len(body))
        assert info.sha256 == hashlib.sha256(body).hexdigest()
        assert abs(info.modified_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert objects.head("a/b") == info

    def test_a_stream_is_as_good_as_bytes(self, objects: ObjectStore) -> None:
        body = b"0123456789" * 250_000
        info = objects.put("a", io.BytesIO(body))
        assert info.sha256 == hashlib.sha256(body).hexdigest()
        assert self.read(objects, "a") == body

    def test_ranges_are_read(self, objects: ObjectStore) -> None:
        objects.put("a", b"0123456789")
        with objects.open("a") as reader:
            assert reader.size == 10
            assert reader.read(3, 4) == b"3456"
            assert reader.read(0, 2) == b"01"
            assert reader.read(8, 100) == b"89"
            assert reader.read(10, 1) == reader.read(99, 1) == b""

    def test_each_put_makes_a_version(self, objects: ObjectStore) -> None:
        versions = [objects.put("a", body) for body in (b"one", b"two", b"two", b"three")]
        assert len({info.version for info in versions}) == 4
        assert self.read(objects, "a") == b"three"
        assert objects.head("a") == versions[-1]
        assert self.read(objects, "a", versions[0].version) == b"one"
        assert [info.etag == versions[1].etag for info in versions] == [False, True, True, False]

    def test_many_versions_stay_in_order(self, objects: ObjectStore) -> None:
        for n in range(12):
            objects.put("a", str(n).encode())
        assert self.read(objects, "a") == b"11"
        assert [info.key for info in objects.list("")] == ["a"]

    def test_if_absent_never_replaces(self, objects: ObjectStore) -> None:
        objects.put("a", b"one", if_absent=True)
        with pytest.raises(Conflict, match="'a'"):
            objects.put("a", b"two", if_absent=True)
        assert self.read(objects, "a") == b"one"
        objects.delete("a")
        objects.put("a", b"three", if_absent=True)
        assert self.read(objects, "a") == b"three"

    def test_of_many_who_put_if_absent_one_succeeds(self, objects: ObjectStore) -> None:
        won: list[bytes] = []

        def put(body: bytes) -> None:
            try:
                objects.put("a", body, if_absent=True)
            except Conflict:
                return
            won.append(body)

        threads = [threading.Thread(target=put, args=(b"%d" % n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [self.read(objects, "a")]

    def test_concurrent_puts_all_become_versions(self, objects: ObjectStore) -> None:
        made: list[str] = []

        def put(n: int) -> None:
            made.extend(objects.put("a/b", f"{n} {m}".encode()).version for m in range(5))
            objects.put(f"a/c/{n}", b"x")
            objects.delete(f"a/c/{n}")

        threads = [threading.Thread(target=put, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(made)) == 20
        assert [info.key for info in objects.list("")] == ["a/b"]

    def test_what_ends_in_the_middle_leaves_nothing(self, objects: ObjectStore) -> None:
        with pytest.raises(ValueError, match="gone"):
            objects.put("a", _Broken())  # type: ignore[arg-type]
        assert list(objects.list("")) == []
        with pytest.raises(ObjectMissing):
            objects.head("a")

    @pytest.mark.parametrize("key", ["a", "a/b", "other/a"])
    def test_what_is_missing_is_not_found(self, objects: ObjectStore, key: str) -> None:
        objects.put("a/b/c", b"x")
        for ask in (objects.head, objects.open):
            with pytest.raises(ObjectMissing, match=key):
                ask(key)
        objects.delete(key)
        assert self.read(objects, "a/b/c") == b"x"

    def test_a_missing_version_is_not_found(self, objects: ObjectStore) -> None:
        version = objects.put("a", b"x").version
        for wrong in ("", "nope", version[:-1], version + "0"):
            with pytest.raises(ObjectMissing):
                objects.open("a", wrong)

    def test_deleting_takes_every_version(self, objects: ObjectStore) -> None:
        first = objects.put("a/b", b"one").version
        objects.put("a/b", b"two")
        objects.put("a/bc", b"three")
        objects.delete("a/b")
        objects.delete("a/b")
        with pytest.raises(ObjectMissing):
            objects.open("a/b", first)
        assert [info.key for info in objects.list("")] == ["a/bc"]

    def test_an_object_may_lie_below_another_or_is_refused(self, objects: ObjectStore) -> None:
        objects.put("a/b", b"one")
        if not self.NESTS:
            with pytest.raises(Invalid, match="a/b/c"):
                objects.put("a/b/c", b"two")
            return
        objects.put("a/b/c", b"two")
        assert self.read(objects, "a/b") == b"one"
        listed = ["a/b", "a/b/c"] if self.LISTS_BELOW else ["a/b"]
        assert [info.key for info in objects.list("a/b")] == listed
        objects.delete("a/b")
        assert self.read(objects, "a/b/c") == b"two"

    def test_an_open_reader_reads_what_it_opened(self, objects: ObjectStore) -> None:
        old = random.Random(1).randbytes(3 << 20)
        objects.put("a", old)
        with objects.open("a") as reader:
            objects.put("a", bytes(len(old)))
            assert reader.read(2 << 20, 1 << 20) == old[2 << 20 :]
            objects.delete("a")
            with contextlib.suppress(ObjectMissing):  # never anything else
                assert reader.read(1 << 20, 1 << 20) == old[1 << 20 : 2 << 20]

    def test_a_list_has_the_keys_of_a_prefix_in_order(self, objects: ObjectStore) -> None:
        for key in ("a/b/2", "a/b/1", "a/bc", "a-", "ab", "b", "a/b-"):
            objects.put(key, key.encode())

        def listed(prefix: str) -> list[str]:
            return [info.key for info in objects.list(prefix)]

        assert listed("") == ["a-", "a/b-", "a/b/1", "a/b/2", "a/bc", "ab", "b"]
        assert listed("a/b") == ["a/b-", "a/b/1", "a/b/2", "a/bc"]
        assert listed("a/b/") == ["a/b/1", "a/b/2"]
        assert listed("a/b/1") == ["a/b/1"]
        assert listed("c") == listed("a/b/1/") == listed("/a") == listed("a//b") == []
        assert next(objects.list("a/bc")) == objects.head("a/bc")

    def test_hostile_keys_are_keys_like_any_other(self, objects: ObjectStore) -> None:
        keys = [key for key in HOSTILE if key not in self.UNKEPT | self.FLAWED]
        for n, key in enumerate(keys):
            objects.put(key, str(n).encode())
        for n, key in enumerate(keys):
            assert self.read(objects, key) == str(n).encode()
        assert [info.key for info in objects.list("")] == sorted(keys)
        if "..a/b.." in keys:
            assert [info.key for info in objects.list("..a/")] == ["..a/b.."]
        for key in keys:
            objects.delete(key)
        assert list(objects.list("")) == []

    def test_a_key_that_a_server_cannot_hold_is_refused(self, objects: ObjectStore) -> None:
        for key in sorted(self.UNKEPT):
            with pytest.raises(Invalid, match="key"):
                objects.put(key, b"x")
        assert list(objects.list("")) == []

    @pytest.mark.parametrize("key", NO_KEYS)
    def test_what_is_no_key_is_refused(self, objects: ObjectStore, key: str) -> None:
        for ask in (objects.head, objects.open, objects.delete):
            with pytest.raises(Invalid, match="key"):
                ask(key)
        with pytest.raises(Invalid, match="key"):
            objects.put(key, b"x")
        assert list(objects.list("")) == []

    def test_a_list_bears_deletions(self, objects: ObjectStore) -> None:
        for n in range(4):
            objects.put(f"a/{n}", b"x")
        listed: Iterator[object] = objects.list("a/")
        next(listed)
        objects.delete("a/1")
        objects.delete("a/2")
        assert len(list(listed)) == 1
