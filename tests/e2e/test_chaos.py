"""With everything late, in disorder and repeated, an installation ends the same as undisturbed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import demo_media
from tests import canonical
from tests.e2e.running import emulator

pytestmark = pytest.mark.long

SEED = 20261124
CHAOS = f"duplicate=0.4,reorder,delay=40ms,seed={SEED}"
LETTER = "# Letter {n}\n\nOtters number {n} sleep in kelp.\n\nGulls watch the harbour.\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever else runs tests as root."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-chaos-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _drop(inbox: Path) -> set[str]:
    for n in range(2):
        (inbox / f"letter-{n}.md").write_text(LETTER.format(n=n))
        demo_media.gradient((20 + 80 * n, 60, 200), (200, 60, 20)).save(inbox / f"look-{n}.png")
    return {path.name for path in inbox.iterdir()}


def test_the_state_is_the_same_as_undisturbed(folder: Path) -> None:
    calm, stormy = folder / "calm", folder / "stormy"
    for home, options in ((calm, ()), (stormy, ("--chaos", CHAOS))):
        with emulator(home, *options) as running:
            names = _drop(running.inbox)
            running.wait_until_done(names)
            repeated = running.client.get("/events", type="segment.indexed")["items"]
            assert repeated
            assert running.stop() == 0
    canonical.check(canonical.of_home(stormy), canonical.of_home(calm), CHAOS)
