"""The same handlers wherever they run: what is there in the end is identical, to the last id."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataflux.clock import Clock, IdFactory, seeded
from dataflux.settings import Settings
from local import demo_media
from local.emulator import emulator
from local.modes import Mode
from local.services.instance import Instance
from tests import canonical
from tests.fixtures.pools import SPREAD, bring, empty_pools, wait_until_done
from tests.fixtures.s3 import REGION, new_bucket

pytestmark = pytest.mark.services

SEED = 20261124
DRAWN_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATIENCE_S = 300.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever runs the tests."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-e2e-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def media(folder: Path) -> list[Path]:
    inside = folder / "media"
    inside.mkdir()
    demo_media.make(inside, None)
    (inside / "notes.md").write_text("# Notes\n\nThe lighthouse keeper counts the gulls.\n")
    (inside / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    return sorted(inside.iterdir())


def test_one_process_many_processes_and_kafka_with_s3_end_alike(
    folder: Path, media: list[Path], kafka: Instance, postgres: Instance, versitygw: str
) -> None:
    together = _emulated(folder / "together", media, Mode())
    canonical.check_settled(together)
    canonical.check(_emulated(folder / "apart", media, Mode(isolated=True)), together, "apart")
    canonical.check(_on_servers(media, kafka, postgres, versitygw), together, "on servers")


def _ids() -> IdFactory:
    """The same names each time: they do not tell when they were drawn."""
    at = int(DRAWN_AT.timestamp() * 1e9)
    return seeded(SEED, Clock(lambda: at))


def _emulated(home: Path, media: list[Path], mode: Mode) -> canonical.Canonical:
    with emulator(Settings(home=home), mode, ids=_ids()) as running:
        bring(running.deps, running.installation, media)
        wait_until_done(running.deps, PATIENCE_S, lambda: True)
    return canonical.of_home(home, ids=True)


def _on_servers(
    media: list[Path], kafka: Instance, postgres: Instance, versitygw: str
) -> canonical.Canonical:
    _, bucket = new_bucket(versitygw)
    objects = f"s3://{bucket}/all?endpoint={versitygw}&region={REGION}"
    with empty_pools(kafka, postgres, objects=objects, ids=_ids()) as pools:
        for functions in SPREAD:
            pools.start(*functions)
        pools.bring(media)
        pools.wait_until_done(PATIENCE_S)
        pools.stop()
        return pools.canonical(ids=True)
