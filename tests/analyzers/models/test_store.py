"""A model appears whole or not at all, and is read only if it is the one that was pinned."""

import fcntl
import hashlib
from pathlib import Path

import pytest

from analyzers.models.manifest import Model, ModelFile
from analyzers.models.store import ModelStore
from dataflux.errors import Conflict, Invalid, MediaFailed
from schemas.names import Reason

WEIGHTS, WORDS = b"weights" * 100, b"words"


def entry(path: str, data: bytes) -> ModelFile:
    return ModelFile(path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


MODEL = Model(
    name="mine",
    kind="speech",
    license="MIT",
    files=(entry("model.bin", WEIGHTS), entry("sub/words.txt", WORDS)),
)
CONTENT = {"model.bin": WEIGHTS, "sub/words.txt": WORDS}


def honest(file: ModelFile, part: Path) -> None:
    part.write_bytes(CONTENT[file.path])


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def test_what_is_installed_can_be_read(store: ModelStore) -> None:
    assert store.all() == {}
    store.install(MODEL, honest)
    assert store.all() == {"mine": MODEL}
    assert store.read(MODEL, "model.bin") == WEIGHTS
    assert store.path(MODEL, "sub/words.txt").read_bytes() == WORDS
    assert store.broken(MODEL) == []


def test_a_wrong_checksum_installs_nothing_and_is_not_kept(store: ModelStore) -> None:
    def lying(file: ModelFile, part: Path) -> None:
        part.write_bytes(CONTENT[file.path][:-1] + b"!")

    with pytest.raises(Invalid, match=r"mine: model\.bin is not the file that is pinned"):
        store.install(MODEL, lying)
    assert store.all() == {}
    assert list((store.folder / ".parts").iterdir()) == []
    store.install(MODEL, honest)


def test_a_source_that_fails_leaves_the_former_model(store: ModelStore) -> None:
    store.install(MODEL, honest)
    changed = MODEL.model_copy(update={"files": (entry("model.bin", b"new"),)})

    def failing(file: ModelFile, part: Path) -> None:
        part.write_bytes(b"n")
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        store.install(changed, failing)
    assert store.all() == {"mine": MODEL}
    assert store.broken(MODEL) == []
    seen = []

    def going_on(file: ModelFile, part: Path) -> None:
        seen.append(part.read_bytes())
        part.write_bytes(b"new")

    store.install(changed, going_on)
    assert seen == [b"n"]
    assert store.read(changed, "model.bin") == b"new"
    assert not (store.folder / "mine" / "sub").exists()


def test_what_is_here_and_good_is_not_fetched_again(store: ModelStore) -> None:
    store.install(MODEL, honest)
    (store.folder / "mine" / "model.bin").write_bytes(b"broken")
    fetched = []

    def fetch(file: ModelFile, part: Path) -> None:
        fetched.append(file.path)
        honest(file, part)

    store.install(MODEL, fetch)
    assert fetched == ["model.bin"]
    assert store.broken(MODEL) == []


@pytest.mark.parametrize("data", [b"", WEIGHTS[:-1], WEIGHTS[:-1] + b"!", None])
def test_a_changed_file_is_never_loaded(store: ModelStore, data: bytes | None) -> None:
    place = store.install(MODEL, honest) / "model.bin"
    place.unlink()
    if data is not None:
        place.write_bytes(data)
    assert store.broken(MODEL) == ["model.bin"]
    with pytest.raises(MediaFailed, match="dataflux models pull mine") as caught:
        store.read(MODEL, "model.bin")
    assert caught.value.reason is Reason.MODEL_UNAVAILABLE


def test_one_writes_at_a_time(store: ModelStore) -> None:
    store.folder.mkdir()
    with (store.folder / ".lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="another process writes"):
            store.install(MODEL, honest)
    store.install(MODEL, honest)


def test_two_models_may_share_a_file(store: ModelStore) -> None:
    twin = MODEL.model_copy(update={"name": "twin"})
    store.install(MODEL, honest)
    store.install(twin, honest)
    (store.folder / "twin" / "model.bin").write_bytes(b"broken")
    assert store.broken(MODEL) == []
