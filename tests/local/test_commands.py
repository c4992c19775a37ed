"""The commands against an emulator that runs: from a file to a moment, and back out."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from events import codec
from events.types import TYPES, validate
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


@pytest.mark.long
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


def _names(events: list[dict[str, Any]]) -> set[str]:
    return {event["type"].removeprefix("io.dataflux.") for event in events}


def test_events_of_an_asset_are_listed(run: Run, notes: str) -> None:
    facts = run("events", "list", "--asset", notes, "--json").json
    assert _names(facts) >= {"object.created", "asset.uploaded", "segment.indexed"}
    assert {event["entityid"] for event in facts} == {notes}
    work = run("events", "list", "--asset", notes, "--work", "--type", "work.segment", "--json")
    assert _names(work.json) == {"work.segment"}
    assert "asset.processing_completed" in run("events", "list", "--asset", notes).out
    assert run("events", "list", "--asset", "07ea1f2c-0000-8000-8000-000000000001").code == 4
    assert run("events", "list", "--type", "no.such").code == 2


def test_events_are_told_as_they_happen(run: Run, notes: str, home: Path) -> None:
    command = [sys.executable, "-m", "local", "events", "tail", "--home", str(home), "--json"]
    command += ["--type", "segment.indexed", "--count", "1", "--asset", notes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        try:
            while tail.poll() is None:  # it begins with what happens once it is connected
                assert run("replay", notes, "--from", "project").code == 0
                with contextlib.suppress(subprocess.TimeoutExpired):
                    tail.wait(1)
            assert tail.stdout is not None
            (told,) = tail.stdout.read().splitlines()
        finally:
            tail.kill()
    assert json.loads(told)["type"] == "io.dataflux.segment.indexed"


def test_an_example_is_the_real_event_that_a_file_leads_to(
    run: Run, notes: str, tmp_path: Path
) -> None:
    (tmp_path / "same.md").write_text(NOTES)
    real = run("events", "example", "asset.segmented", "--from", str(tmp_path / "same.md")).json
    assert real["entityid"] == notes
    validate(codec.from_dict(real))
    never = run("events", "example", "version.created", "--from", str(tmp_path / "same.md"))
    assert never.code == 4
    assert "it led to" in never.err
    assert run("events", "example", "asset.segmented", "--from", "no.md").code == 2


@pytest.mark.parametrize("name", sorted(TYPES))
def test_there_is_a_valid_example_of_every_type(run: Run, name: str) -> None:
    event = codec.from_dict(run("events", "example", name).json)
    validate(event)
    assert event.subject
    assert event.subject.startswith("assets/")


def test_a_function_is_invoked_with_what_a_file_leads_to(
    run: Run, notes: str, tmp_path: Path
) -> None:
    (tmp_path / "same.md").write_text(NOTES)
    ran = run("invoke", "project", "--file", str(tmp_path / "same.md"), "--json")
    assert (ran.code, ran.json["outcome"]) == (0, "done")
    assert ran.json["event"]["entityid"] == notes
    assert ran.json["event"]["replayof"] != ran.json["event"]["id"]
    assert _names(ran.json["emitted"]) == {"segment.indexed"}
    shown = run("invoke", "ingest", "--file", str(tmp_path / "same.md"))
    assert "done (200)" in shown.out
    assert "(when it came first)" in shown.out


def test_a_function_s_failure_is_shown(run: Run, notes: str, tmp_path: Path) -> None:
    (tmp_path / "same.md").write_text(NOTES)
    asked = ("invoke", "project", "--file", str(tmp_path / "same.md"), "--data", '{"row": 99}')
    failed = run(*asked, "--json")
    assert (failed.code, failed.json["outcome"], failed.json["status"]) == (1, "failed", 500)
    assert "failed (500): IndexError: index 99 is out of bounds" in run(*asked).out


def test_an_event_is_built_from_what_is_given(run: Run, tmp_path: Path) -> None:
    data = {"source": str(uuid4()), "key": "no/such", "etag": "e", "size": 3}
    (tmp_path / "data.json").write_text(json.dumps(data))
    lineage = str(uuid4())
    asked = ("--id", "my-1", "--source", "/mine", "--ext", f"entityid={lineage}", "--json")
    ran = run("invoke", "ingest", "--data", f"@{tmp_path / 'data.json'}", *asked)
    event = ran.json["event"]
    assert (ran.code, ran.json["emitted"]) == (0, [])  # nothing has arrived under this key
    assert (event["id"], event["source"], event["data"]) == ("my-1", "/mine", data)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere",), "no function 'nowhere'"),
        (("ingest",), "Field required"),
        (("ingest", "--data", "{"), "no JSON"),
        (("ingest", "--data", "[1]"), "no JSON object"),
        (("ingest", "--type", "no.such"), "no event type"),
        (("ingest", "--ext", "lonely", "--data", "{}"), "has no value"),
        (("ingest", "--file", "no.md"), "no file"),
    ],
)
def test_what_cannot_be_delivered_is_refused(
    run: Run, arguments: tuple[str, ...], told: str
) -> None:
    ran = run("invoke", *arguments)
    assert ran.code == 2
    assert told in " ".join(ran.err.replace("│", " ").split())


def test_func_s_own_request_is_understood(running: Emulator, home: Path) -> None:
    """What `func invoke` sends: a binary CloudEvent, with no token but in the address."""
    token = (home / "token").read_text().strip()
    headers = {
        "ce-id": "f-1",
        "ce-source": "/func",
        "ce-type": "io.dataflux.timer.tick",
        "ce-specversion": "1.0",
        "content-type": "application/json",
    }
    place = f"{running.url}/functions/relay"

    def send(query: str, name: str = "relay", **more: str) -> httpx.Response:
        url = f"{place.removesuffix('relay')}{name}{query}"
        return httpx.post(url, headers={**headers, **more}, content=b'{"timer": "relay"}')

    assert send(f"?token={token}").status_code == 200
    assert send("").status_code == 401
    assert send(f"?token={token}", name="nowhere").status_code == 404
    assert send(f"?token={token}", name="ingest").status_code == 422
    foreign = send(f"?token={token}", **{"ce-tenantid": str(uuid4())})
    assert foreign.status_code == 403
    assert set(foreign.json()) >= {"type", "title", "detail", "mend", "trace_id"}


def test_a_replay_says_what_it_sends(run: Run, notes: str) -> None:
    (told,) = run("replay", notes, "--from", "project", "--dry-run", "--json").json
    assert told["dry_run"]
    assert set(told["types"]) >= {"segment.embedded", "segment.indexed"}
    shown = run("replay", notes, "--from", "project")
    assert f"{told['deliveries']} sent from project on" in shown.out
    assert run("replay", notes, "--from", "nowhere").code == 2


def test_an_admin_sees_what_another_user_sees(run: Run, notes: str, running: Emulator) -> None:
    alice = run("users", "add", "alice", "--json").json
    assert [user["name"] for user in run("users", "list", "--json").json["items"]] == [
        "alice",
        "owner",
    ]
    headers = {"authorization": f"Bearer {alice['token']}"}
    with httpx.Client(base_url=f"{running.url}/api/v1", headers=headers, timeout=60) as hers:

        def searched() -> list[str]:
            found = hers.post("/search", json={"query": "otters"}).json()
            return [hit["address"] for hit in found["hits"]]

        asked = ("--as", "alice", "search", "otters", "--json")
        assert searched() == []
        assert run(*asked).code == 5
        assert run("--as", "alice", "show", notes).code == 4
        assert run("users", "grant", "alice", notes, "--for", "1h").code == 0
        assert searched() != []
        assert [hit["address"] for hit in run(*asked).json["hits"]] == searched()
        refused = run("--as", "alice", "rm", notes)
        assert (refused.code, "one only looks" in refused.err) == (1, True)
        assert run("--as", "alice", "state", "reset", "--yes").code == 1
        assert run("users", "revoke", "alice", notes).code == 0
        assert searched() == []
    assert run("--as", "nobody", "status").code == 4


def test_errors_name_the_file_the_cause_and_the_next_step(run: Run, tmp_path: Path) -> None:
    broken, archive = tmp_path / "broken.mp4", tmp_path / "all.zip"
    broken.write_bytes(b"\0\0\0\x20ftypisom" + b"\0" * 2000)
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("inside.txt", NOTES)
    gone = tmp_path / "gone.mp4"
    ran = run("ingest", str(broken), str(gone))
    assert ran.code == 2
    assert "gone.mp4" in ran.err.replace(" │\n│ ", "")
    assert "name files or folders that exist" in ran.err
    ran = run("ingest", str(broken), str(archive))
    one, other = ran.out.splitlines()
    assert ran.code == 5
    damaged = "failed (corrupt_media): The file is damaged. Send an intact copy."
    assert one.endswith(f"broken.mp4  {damaged}")
    assert other.endswith(
        "failed (archive_not_accepted): Archives are not opened. Send the files in it."
    )
    asset = one.split()[0]
    assert "Send an intact copy." in run("show", asset).out
    traced = run("trace", asset).out
    assert asset in traced
    assert "Send an intact copy." in traced
