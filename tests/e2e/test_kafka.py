"""The functions as consumer pools on Kafka end with what the emulator ends with."""

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import demo_media
from tests import canonical
from tests.e2e.running import emulator
from tests.fixtures.pools import SPREAD, Pools

pytestmark = pytest.mark.services

SEED = 20261124


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("media")
    demo_media.make(folder, None)
    (folder / "meadow.jpg").unlink()
    (folder / "sign.png").unlink()
    (folder / "notes.md").write_text("# Notes\n\nThe lighthouse keeper counts the gulls.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def expected(media: list[Path]) -> Iterator[canonical.Canonical]:
    """What the emulator makes of the media."""
    home = Path(tempfile.mkdtemp(prefix="dataflux-e2e-"))
    with emulator(home) as running:
        for path in media:
            shutil.copy(path, running.inbox / path.name)
        running.wait_until_done({path.name for path in media})
        assert running.stop() == 0
    yield canonical.of_home(home)
    shutil.rmtree(home)


def test_pools_end_as_the_emulator_does(
    media: list[Path], expected: canonical.Canonical, pools: Pools
) -> None:
    for functions in SPREAD:
        pools.start(*functions)
    pools.bring(media)
    pools.wait_until_done()
    pools.stop()
    found = pools.canonical()
    canonical.check(found, expected)
    canonical.check_settled(found)


def test_pools_that_are_killed_leave_no_trace(
    media: list[Path], expected: canonical.Canonical, pools: Pools
) -> None:
    moments = random.Random(SEED)
    pools.bring(media)
    for functions in SPREAD:
        pools.start(*functions)
    for functions in SPREAD:
        time.sleep(moments.uniform(2.0, 5.0))  # the moment of the crash
        crashed = pools.processes.pop(0)
        crashed.kill()
        crashed.wait()
        pools.start(*functions)
    pools.wait_until_done()
    pools.stop()
    found = pools.canonical()
    canonical.check(found, expected, f"seed {SEED}")
    canonical.check_settled(found)
