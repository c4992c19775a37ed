"""The emulator is killed while it works and started again: nothing is missing, nothing twice."""

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import demo_media
from tests import canonical
from tests.e2e.running import emulator, processes_of

SEED = 20261124
KILLS = 3
NAMES = {"film.mp4", "sunset.jpg", "sign.png", "report.pdf", "seabirds.csv", "notes.md"}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    demo_media.make(folder, None)
    (folder / "meadow.jpg").unlink()
    (folder / "notes.md").write_text("# Notes\n\nThe lighthouse keeper counts the gulls.\n")
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever else runs tests as root."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-e2e-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _drop(media: Path, inbox: Path) -> None:
    for name in sorted(NAMES):
        shutil.copy(media / name, inbox / name)


@pytest.mark.long
def test_kills_during_ingestion_leave_no_trace(media: Path, folder: Path) -> None:
    calm, shaken = folder / "calm", folder / "shaken"
    with emulator(calm) as running:
        _drop(media, running.inbox)
        running.wait_until_done(NAMES)
        assert running.stop() == 0
    moments = random.Random(SEED)
    for number in range(KILLS):
        with emulator(shaken) as running:
            if number == 0:
                _drop(media, running.inbox)
            time.sleep(moments.uniform(0.4, 2.5))  # the moment of the power cut
            running.kill()
    with emulator(shaken) as running:
        running.wait_until_done(NAMES)
        assert running.stop() == 0
    assert processes_of(shaken) == []
    expected, found = canonical.of_home(calm), canonical.of_home(shaken)
    canonical.check(found, expected, f"seed {SEED}")
    canonical.check_settled(found)


def test_ctrl_c_leaves_nothing_running(folder: Path, media: Path) -> None:
    home = folder / "home"
    with emulator(home) as running:
        _drop(media, running.inbox)
        time.sleep(0.5)  # in the middle of the work
        assert running.stop() == 0
        assert processes_of(home) == []
    assert not (home / "run.json").exists()
    assert not list((home / "objects" / ".incoming").iterdir())


def test_a_second_emulator_is_told_who_runs(folder: Path) -> None:
    home = folder / "home"
    with emulator(home) as running:
        with pytest.raises(AssertionError, match="exit 1"), emulator(home):
            pass
        assert running.client.get("/status")["assets"] == {}
