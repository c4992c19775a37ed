"""What no file can be made for: decoders that die, and objects that change, seen from the flow."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from analyzers.registry import Registry
from analyzers.sandbox import Limits, Sandbox
from analyzers.sandbox.limits import GIB
from schemas.names import Reason
from stores.objects.disk import DiskObjects
from stores.records.database import Database
from tests.analyzers.sandbox.rogues import ENTRIES
from tests.fixtures.platform import Platform, assembled


@pytest.fixture(scope="module")
def rogues() -> Iterator[tuple[Registry, Sandbox]]:
    registry = Registry(ENTRIES)
    limits = Limits(wall_s=60, cpu_s=2, memory={"media": GIB}, resident={"media": GIB // 4})
    with contextlib.closing(Sandbox(registry, limits=limits)) as sandbox:
        yield registry, sandbox


@pytest.fixture
def rogue(
    database: Database, tenant: UUID, tmp_path: Path, rogues: tuple[Registry, Sandbox]
) -> Iterator[Platform]:
    with assembled(database, tenant, tmp_path, rogues) as made:
        yield made


def failed(platform: Platform) -> dict[str, object]:
    (fact,) = platform.facts("asset.processing_failed")
    return dict(fact.data)


@pytest.mark.parametrize(
    ("number", "what", "reason"),
    [
        ("M22", "segfault", Reason.DECODER_CRASHED),
        ("M22", "abort", Reason.DECODER_CRASHED),
        ("M23", "spin", Reason.DECODE_TIMEOUT),
        ("M24", "eat", Reason.DECODER_OOM),
    ],
)
def test_a_decoder_that_dies_gives_its_file_a_reason(
    rogue: Platform, number: str, what: str, reason: Reason
) -> None:
    rogue.drop(f"{number}.txt", what.encode())
    rogue.pump()
    assert failed(rogue)["reason"] == reason
    rogue.drop("next.txt", b"echo: still here")
    rogue.pump()
    assert len(rogue.facts("asset.processing_failed")) == 1


def test_an_object_that_has_gone_is_missing(platform: Platform) -> None:
    """M35: between the arrival and the first look at it."""
    platform.drop("gone.txt", b"The harbour was quiet that day.")
    for path in _originals(platform):
        path.unlink()
    platform.pump()
    assert failed(platform)["reason"] == Reason.OBJECT_MISSING


def test_an_object_that_has_shrunk_is_not_the_same(platform: Platform) -> None:
    """M35: what is read is not what came."""
    platform.drop("shrunk.txt", b"The harbour was quiet that day. " * 100)
    for path in _originals(platform):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:100])
    platform.pump()
    assert failed(platform)["reason"] == Reason.INTEGRITY_MISMATCH


def _originals(platform: Platform) -> list[Path]:
    objects = platform.deps.objects
    assert isinstance(objects, DiskObjects)
    found = [
        path for path in (platform.deps.settings.home / "objects").rglob("*") if path.is_file()
    ]
    return [path for path in found if path.stat().st_size > 20]
