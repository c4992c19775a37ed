"""What is promised of `dataflux up` as a whole: alone, offline, and every medium to the end."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import demo_media
from tests.e2e.running import emulator

pytestmark = pytest.mark.long

WATCH = """
import os
import sys

open(os.environ["WATCHED"] + ".on", "a").close()
HERE = ("127.0.0.1", "::1", "localhost", "", None)


def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = (arguments[0],)
    else:
        return
    host = address[0] if isinstance(address, tuple) else None  # else the path of a socket
    host = host.decode() if isinstance(host, bytes) else host
    if host not in HERE:
        with open(os.environ["WATCHED"], "a") as out:
            print(event, host, file=out)


sys.addaudithook(watch)
"""
WORDS = {"film.mp4": "snow summit", "report.pdf": "copper heat exchanger"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever else runs tests as root."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-promises-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_all_media_go_to_the_end_offline_beside_another_emulator(folder: Path) -> None:
    hook, media, watched = folder / "hook", folder / "media", folder / "watched"
    for each in (hook, media):
        each.mkdir()
    (hook / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])])
    seen = {"PYTHONPATH": path, "WATCHED": str(watched)}
    demo_media.make(media, None)
    sound = folder / "Rede 1961 + ü.flac"
    shutil.copy(Path(__file__).parents[1] / "media" / "jfk.flac", sound)
    with (
        emulator(folder / "one", **seen) as running,
        emulator(folder / "other", **seen) as beside,
    ):
        assert running.url != beside.url
        assert beside.client.get("/status")["assets"] == {}
        for file in (*media.iterdir(), sound):
            shutil.copy(file, running.inbox)
        names = {file.name for file in (*media.iterdir(), sound)}
        assets = running.wait_until_done(names, 240)
        assert {asset["status"] for asset in assets} == {"completed"}
        assert {a["kind"] for a in assets} >= {"video", "audio", "image", "document"}
        for asset in assets:
            (run,) = running.client.get(f"/assets/{asset['id']}/trace")["runs"]
            assert run["indexed_at"], asset["filename"]
            assert {stage["pending"] for stage in run["stages"]} == {0}
        for name, words in WORDS.items():
            hits = running.client.post("/search", json={"query": words})["hits"]
            assert hits[0]["filename"] == name
        for name in ("asset.segmented", "segment.analyzed", "segment.embedded", "segment.indexed"):
            told = running.client.get("/events", type=name, limit=500)["items"]
            assert {t["event"]["entityid"] for t in told} >= {a["id"] for a in assets}, name
        assert running.client.get("/status")["dead_letters"] == 0
        assert (running.stop(), beside.stop()) == (0, 0)
    assert watched.with_name("watched.on").exists()
    assert not watched.exists(), watched.read_text()
    assert not list(folder.glob("*/run.json"))
