"""The commands against an emulator that runs: from a file to a moment, and back out."""

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local import cli
from tests.e2e.running import Emulator, emulator

NOTES = "# Notes\n\nThe lighthouse keeper counts gulls.\n\nOtters sleep in kelp.\n"


@dataclass
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Yield a place that stays open to the server's user, as pytest's own folders do not."""
    with tempfile.TemporaryDirectory(prefix="dataflux-test-") as place:
        yield Path(place)


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Emulator]:
    with emulator(home) as started:
        yield started
        assert started.stop() == 0


@pytest.fixture
def run(
    running: Emulator,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.delenv("DATAFLUX_URL", raising=False)
    monkeypatch.setenv("DATAFLUX_HOME", str(home))

    def ran(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["dataflux", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        assert "\x1b" not in captured.out + captured.err
        assert "Traceback" not in captured.err
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return ran


@pytest.fixture
def notes(tmp_path: Path, run: Run) -> str:
    """Return the id of notes that are in."""
    place = tmp_path / "notes.md"
    place.write_text(NOTES)
    (sent,) = run("ingest", str(place), "--json").json
    return str(sent["duplicate_of"] or sent["id"])


def test_a_folder_is_ingested_and_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/badgers.md").write_text("Badgers dig setts under the hawthorn.\n")
    Image.new("RGB", (64, 48), (200, 20, 20)).save(tmp_path / "in/red.png")
    ran = run("ingest", str(tmp_path))
    assert ran.code == 0
    assert ran.out.count("completed") == 2
    words = run("search", "hawthorn badgers", "--kind", "document", "--json")
    assert words.json["hits"][0]["filename"] == "badgers.md"
    assert run("search", "badgers", "--kind", "image", "--json").code == 5
    alike = run("search", "--image", str(tmp_path / "in/red.png"), "--json").json["hits"][0]
    assert alike["filename"] == "red.png"
    assert run("search", "--like", alike["segment"]).code in (0, 5)


def test_what_is_found_is_shown_and_opened(run: Run, notes: str) -> None:
    ran = run("search", "otters")
    assert "Otters sleep in kelp." in ran.out
    (hit, *_) = run("search", "otters", "--json").json["hits"]
    assert "notes.md" in run("show", notes).out
    assert "Otters" in run("show", hit["segment"]).out
    url = run("open", hit["address"], "--print")
    assert (url.code, url.out.count("\n")) == (0, 1)
    assert url.out.startswith("http://127.0.0.1:")
    assert "segment[0]" in run("trace", notes).out


def test_nothing_good_is_said_to_be_so(run: Run, notes: str) -> None:
    assert run("search", "submarine xylophone").code == 5


@pytest.mark.parametrize("command", ["show", "trace", "retry", "rm", "open"])
@pytest.mark.parametrize("entity", ["07ea1f2c-0000-8000-8000-000000000001", "nonsense", "../x"])
def test_what_is_not_there_is_one_line(run: Run, command: str, entity: str) -> None:
    ran = run(command, entity)
    assert ran.code in (2, 4)
    assert ran.err.startswith("dataflux: ")


def test_retry_then_rm(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "passing.md"
    place.write_text("A passing remark about wombats.\n")
    (sent,) = run("ingest", str(place), "--json").json
    assert "is planned" in run("retry", sent["id"]).out
    assert run("rm", sent["id"]).code == 0
    assert run("show", sent["id"]).code == 4


def test_status_and_reset_while_it_runs(run: Run, home: Path, running: Emulator) -> None:
    assert run("status", "--json").json["url"] == running.url
    ran = run("reset", "--yes")
    assert ran.code == 1
    assert f"pid {running.process.pid}, {running.url}" in ran.err
    assert stat.S_IMODE((home / "token").stat().st_mode) == 0o600


def test_a_reader_that_leaves_early_is_no_error(run: Run, home: Path) -> None:
    environment = {**os.environ, "DATAFLUX_HOME": str(home)}
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "local", "status", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        check=False,
    )
    os.close(writing)
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.fixture
def other_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dataflux-test-") as place:
        yield Path(place)


def test_what_was_in_is_found_after_a_restart(other_home: Path) -> None:
    home = other_home
    with emulator(home) as first:
        (home / "inbox/notes.md").write_text(NOTES)
        first.wait_until_done({"notes.md"})
        first.process.terminate()
        assert first.process.wait(60) == 0
    assert not (home / "run.json").exists()
    with emulator(home) as second:
        (hit, *_) = second.client.post("/search", json={"query": "otters"})["hits"]
        assert hit["filename"] == "notes.md"
        assert second.stop() == 0
