"""A playlist refers to other files: none of them is ever opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzers.api import Artifact
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from dataflux.errors import MediaFailed
from schemas.names import Reason
from tests.analyzers.sandbox.held import Held
from tests.analyzers.sandbox.playlists import NAMES, playlist
from tests.hostile.canary import Canary, canary

PATIENCE_S = 10.0
ENTRIES = (
    "analyzers.video.segmenter:VideoSegmenter",
    "tests.analyzers.sandbox.rogues:Forced",
)


@pytest.fixture
def bird() -> Iterator[Canary]:
    with canary() as made:
        yield made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(Registry(ENTRIES))
    yield made
    made.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.ts"
    path.write_bytes(b"G" + bytes(187 * 100))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_playlist_is_named_for_what_it_is(
    sandbox: Sandbox, bird: Canary, secret: Path, name: str
) -> None:
    source = Held(playlist(name, bird.url, secret))
    with pytest.raises(MediaFailed) as failed:
        sandbox.identify(source, declared="video/mp4", filename="clip.mp4")
    assert failed.value.reason is Reason.ACTIVE_CONTENT
    assert bird.visits == []


@pytest.mark.parametrize("name", NAMES)
def test_the_segmenter_of_films_opens_nothing(
    sandbox: Sandbox, bird: Canary, secret: Path, name: str
) -> None:
    source = Held(playlist(name, bird.url, secret))
    with pytest.raises(MediaFailed) as failed:
        list(sandbox.extract(source, "video", None, {}))
    assert failed.value.reason is Reason.CORRUPT_MEDIA
    assert bird.visits == []


@pytest.mark.parametrize("name", NAMES)
def test_a_demuxer_that_is_forced_to_open_cannot(
    sandbox: Sandbox, bird: Canary, secret: Path, name: str
) -> None:
    """Even with every protocol allowed and no hook, the seal holds."""
    data = playlist(name, bird.url, secret)
    (found,) = sandbox.extract(Held(data), "forced", None, {"format": name.split()[0]})
    assert isinstance(found, Artifact)
    assert found.data == b"0 bytes read"
    assert bird.visits == []


def test_the_same_opens_both_outside_of_the_sandbox(bird: Canary, secret: Path) -> None:
    """Or the tests above would prove nothing."""
    from tests.analyzers.sandbox.rogues import Forced

    data = playlist("hls http", bird.url, secret)
    forced = Forced()
    forced.load()
    list(forced.extract_segments(Held(data).file(), {"format": "hls"}))
    assert bird.visit(PATIENCE_S)
