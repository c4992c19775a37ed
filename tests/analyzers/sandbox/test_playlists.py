"""A playlist refers to other files: none of them is ever opened."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzers.api import Artifact
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from dataflux.errors import MediaFailed
from schemas.names import Reason
from tests.analyzers.sandbox.held import Held

ENTRIES = (
    "analyzers.video.segmenter:VideoSegmenter",
    "tests.analyzers.sandbox.rogues:Forced",
)
NAMES = ("hls file", "hls http", "hls key", "dash http", "concat file", "concat http")


class Canary:
    """A server that remembers who came."""

    def __init__(self) -> None:
        visits: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                visits.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        self.visits = visits
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(Registry(ENTRIES))
    yield made
    made.close()


def playlist(name: str, url: str, file: Path) -> bytes:
    """Return a list that names a file of this machine or an address."""
    target = str(file) if name.endswith("file") else f"{url}/{name.replace(' ', '-')}"
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{url}/key"\n' if name == "hls key" else ""
    match name.split()[0]:
        case "hls":
            text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n{key}#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
        case "dash":
            text = (
                '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
                'mediaPresentationDuration="PT9S" minBufferTime="PT1S" '
                'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
                'mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1.640028">'
                f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
            )
        case _:
            text = f"ffconcat version 1.0\nfile {target}\n"
    return text.encode()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.ts"
    path.write_bytes(b"G" + bytes(187 * 100))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_playlist_is_named_for_what_it_is(
    sandbox: Sandbox, canary: Canary, secret: Path, name: str
) -> None:
    source = Held(playlist(name, canary.url, secret))
    with pytest.raises(MediaFailed) as failed:
        sandbox.identify(source, declared="video/mp4", filename="clip.mp4")
    assert failed.value.reason is Reason.ACTIVE_CONTENT
    assert canary.visits == []


@pytest.mark.parametrize("name", NAMES)
def test_the_segmenter_of_films_opens_nothing(
    sandbox: Sandbox, canary: Canary, secret: Path, name: str
) -> None:
    source = Held(playlist(name, canary.url, secret))
    with pytest.raises(MediaFailed) as failed:
        list(sandbox.extract(source, "video", None, {}))
    assert failed.value.reason is Reason.CORRUPT_MEDIA
    assert canary.visits == []


@pytest.mark.parametrize("name", NAMES)
def test_a_demuxer_that_is_forced_to_open_cannot(
    sandbox: Sandbox, canary: Canary, secret: Path, name: str
) -> None:
    """Even with every protocol allowed and no hook, the seal holds."""
    data = playlist(name, canary.url, secret)
    (found,) = sandbox.extract(Held(data), "forced", None, {"format": name.split()[0]})
    assert isinstance(found, Artifact)
    assert found.data == b"0 bytes read"
    assert canary.visits == []


def test_the_same_opens_both_outside_of_the_sandbox(canary: Canary, secret: Path) -> None:
    """Or the tests above would prove nothing."""
    from tests.analyzers.sandbox.rogues import Forced

    data = playlist("hls http", canary.url, secret)
    forced = Forced()
    forced.load()
    list(forced.extract_segments(Held(data).file(), {"format": "hls"}))
    assert canary.visits
    canary.visits.clear()
