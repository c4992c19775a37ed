"""Objects in a folder: nothing half written, nothing outside, nothing left over."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflux.errors import Conflict, Unavailable
from stores.objects import disk
from stores.objects.disk import DiskObjects
from stores.ports import ObjectInfo, ObjectStore
from tests.contracts.object_store import HOSTILE, ObjectStoreContract


class TestDiskObjects(ObjectStoreContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> ObjectStore:
        return DiskObjects(tmp_path / "objects")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def objects(folder: Path) -> DiskObjects:
    return DiskObjects(folder)


def _left(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_nothing_is_written_outside(tmp_path: Path, folder: Path, objects: DiskObjects) -> None:
    for key in HOSTILE:
        objects.put(key, b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["objects"]
    assert not [p for p in folder.iterdir() if p.is_file()]
    assert not list((folder / ".incoming").iterdir())
    assert max(len(p.name.encode()) for p in folder.rglob("*")) <= 255


def test_deleting_leaves_no_folders(folder: Path, objects: DiskObjects) -> None:
    for key in HOSTILE:
        objects.put(key, b"x")
    for key in HOSTILE:
        objects.delete(key)
    assert _left(folder) == [".incoming"]


def test_objects_are_there_when_opened_again(folder: Path, objects: DiskObjects) -> None:
    info = objects.put("a/b", b"x")
    assert DiskObjects(folder).head("a/b") == info


def test_what_a_killed_writer_left_is_removed(folder: Path, objects: DiskObjects) -> None:
    objects.put("a", b"x")
    (folder / ".incoming/123-0.tmp").write_bytes(b"half")
    again = DiskObjects(folder)
    assert not list((folder / ".incoming").iterdir())
    assert [info.key for info in again.list("")] == ["a"]


def test_the_folder_is_for_its_owner_only(folder: Path, objects: DiskObjects) -> None:
    objects.put("a", b"x")
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize(("place", "call"), [(os, "fsync"), (Path, "rename")])
def test_a_full_disk_is_told_and_leaves_nothing(
    folder: Path,
    objects: DiskObjects,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    place: object,
    call: str,
) -> None:
    objects.put("a", b"old")

    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(place, call, full)
        with pytest.raises(Unavailable, match="disk is full"):
            objects.put("a", b"new")
    assert not list((folder / ".incoming").iterdir())
    with objects.open("a") as reader:
        assert reader.read(0, 9) == b"old"


def test_another_failure_of_the_disk_is_unavailable(
    objects: DiskObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(Unavailable, match="Input/output error"):
            objects.put("a", b"new")


def test_nothing_shows_before_it_is_whole(
    folder: Path, objects: DiskObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    fsync = os.fsync

    def look(fd: int) -> None:
        seen.append([info.key for info in objects.list("")])
        fsync(fd)

    monkeypatch.setattr(os, "fsync", look)
    objects.put("a", b"x")
    assert seen == [[], ["a"]]


def test_who_listens_is_told_of_each_object_once_it_can_be_read(folder: Path) -> None:
    told: list[tuple[ObjectInfo, bytes]] = []

    def listen(info: ObjectInfo) -> None:
        with store.open(info.key, info.version) as reader:
            told.append((info, reader.read(0, reader.size)))

    store = DiskObjects(folder, on_created=[listen])
    infos = [store.put("a", b"one"), store.put("a", b"two")]
    with pytest.raises(Conflict):
        store.put("a", b"three", if_absent=True)
    assert told == [(infos[0], b"one"), (infos[1], b"two")]


def test_a_listener_that_fails_costs_neither_the_object_nor_the_other_listeners(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def fail(info: ObjectInfo) -> None:
        raise ValueError("out of order")

    objects = DiskObjects(folder, on_created=[fail, lambda info: told.append(info.key)])
    assert objects.put("a", b"x") == objects.head("a")
    assert told == ["a"]
    assert "'a'" in caplog.text


def test_a_descriptor_can_be_handed_over(objects: DiskObjects) -> None:
    objects.put("a", b"0123")
    with objects.open("a") as reader:
        number = reader.fileno()
        assert os.pread(number, 9, 1) == b"123"
        assert not os.get_inheritable(number)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(number, b"x")


def test_a_list_walks_no_more_than_its_folder(
    objects: DiskObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("a/b/1", "c/1", "d/1"):
        objects.put(key, b"x")
    walked: list[str] = []
    key_of = disk._key_of

    def note(path: Path) -> str:
        walked.append(key_of(path))
        return key_of(path)

    monkeypatch.setattr(disk, "_key_of", note)
    assert [info.key for info in objects.list("a/b")] == ["a/b/1"]
    assert not {"c/1", "d/1"} & set(walked)


_parts = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=150)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_parts)
def test_the_folder_of_a_part_says_which_part_it_is(part: str) -> None:
    place = Path(disk._encoded(part))
    assert disk._key_of(place) == part
    assert not place.is_absolute()
    assert not any(name.startswith(".") or "~" in name for name in place.parts)
    assert all(len(name) < 255 for name in place.parts)


@given(st.lists(_parts, min_size=2, max_size=2, unique=True))
def test_two_parts_never_share_a_folder(parts: list[str]) -> None:
    assert disk._encoded(parts[0]) != disk._encoded(parts[1])
