"""The drill: everything but the backup is destroyed, and comes back; what is damaged does not."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from PIL import Image

from dataflux.clock import Clock, IdFactory, seeded
from dataflux.errors import DataFluxError
from dataflux.settings import Settings
from events.log_bus import LogBus
from functions.hosts.local import LocalHost
from functions.hosts.repeating import SWEEP_S
from local import cli, emulator, up
from local.emulator import Running
from local.restore import bring_back
from tests import canonical

pytestmark = pytest.mark.long

if TYPE_CHECKING:
    from functions.deps import Deps

PATIENCE_S = 120.0
NOTES = "# Notes\n\nThe lighthouse keeper counts the gulls.\n\nOtters sleep in kelp.\n"
MORE = "Badgers dig setts under the hawthorn.\n\nPuffins nest in burrows.\n"
AT = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1e9)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever else runs tests as root."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-test-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command; return what it printed as JSON, or its error as text."""

    def ran(*arguments: str, code: int = 0) -> Any:
        monkeypatch.setattr(sys, "argv", ["dataflux", *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        assert int(ended.value.code or 0) == code, captured.err
        return captured.err if code else json.loads(captured.out)

    return ran


def ids() -> IdFactory:
    return seeded(7, Clock(lambda: AT))


def http(running: Running) -> httpx.Client:
    token = {"authorization": f"Bearer {running.installation.token}"}
    return httpx.Client(base_url=f"{running.url}/api/v1", headers=token, timeout=PATIENCE_S)


def send(client: httpx.Client, name: str, data: bytes) -> None:
    assert client.post("/assets", files={"file": (name, data)}).status_code == 202


def settle(client: httpx.Client, count: int) -> None:
    """Wait until so many assets are searchable, and all their messages have been handled."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        items = client.get("/assets").json()["items"]
        lag = client.get("/status").json()["lag"]
        if len(items) == count and all(a["done"] for a in items) and not any(lag.values()):
            return
        time.sleep(0.05)
    raise AssertionError("not all done")


def finds(client: httpx.Client, query: Any) -> list[str]:
    answer = client.post("/search", json={"query": query}).json()
    return [hit["filename"] for hit in answer["hits"]]


@dataclass(frozen=True)
class Backup:
    """A backup, and what the installation held that it was taken of; that one is destroyed."""

    folder: Path
    made: dict[str, Any]
    held: canonical.Canonical


@pytest.fixture(scope="module")
def backup() -> Iterator[Backup]:
    place = Path(tempfile.mkdtemp(prefix="dataflux-test-"))
    home, folder = place / "home", place / "backup"
    Image.new("RGB", (64, 48), (200, 20, 20)).save(place / "red.png")
    settings = Settings(home=home)
    with emulator.emulator(settings, ids=ids()) as running, http(running) as client:
        send(client, "notes.md", NOTES.encode())
        send(client, "red.png", (place / "red.png").read_bytes())
        settle(client, 2)
    held = canonical.of_home(home, ids=True)
    command = [sys.executable, "-m", "local", "backup", str(folder), "--home", str(home), "--json"]
    made = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    shutil.rmtree(home)
    yield Backup(folder, made, held)
    shutil.rmtree(place)


def test_everything_but_the_backup_is_destroyed_and_comes_back(
    folder: Path, backup: Backup, run: Callable[..., Any]
) -> None:
    home, kept, made = folder / "home", str(backup.folder), backup.made
    back = run("restore", kept, "--home", str(home))
    assert {name: back[name] for name in ("rows", "objects", "bytes")} == {
        name: made[name] for name in ("rows", "objects", "bytes")
    }
    assert back["vectors"] == backup.held["embeddings"].total() > 2
    canonical.check(canonical.of_home(home, ids=True), backup.held, "after the restore")
    assert "not empty" in run("restore", kept, "--home", str(home), code=1)
    assert "not empty" in run("backup", kept, "--home", str(home), code=1)

    with emulator.emulator(Settings(home=home)) as running, http(running) as client:
        settle(client, 2)
        assert finds(client, "lighthouse keeper") == ["notes.md"]
        send(client, "more.md", MORE.encode())
        settle(client, 3)
        assert finds(client, "badgers") == ["more.md"]
    run("restore", kept, "--home", str(home), "--replace")
    canonical.check(canonical.of_home(home, ids=True), backup.held, "after it was replaced")


@pytest.mark.services  # three installations: longer than a unit test may take
def test_a_backup_in_the_middle_of_the_work_is_worked_off_after_its_restore(
    folder: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, home, kept = folder / "calm", folder / "home", folder / "backup"
    with emulator.emulator(Settings(home=calm), ids=ids()) as running, http(running) as client:
        send(client, "notes.md", NOTES.encode())
        send(client, "more.md", MORE.encode())
        settle(client, 2)
    expected = canonical.of_home(calm, ids=True)

    held = _hold(monkeypatch, {"relate", "embed"})
    with (
        up.alone(home),
        emulator.emulator(Settings(home=home), ids=ids()) as running,
        http(running) as client,
    ):
        send(client, "notes.md", NOTES.encode())
        send(client, "more.md", MORE.encode())
        deadline = time.monotonic() + PATIENCE_S
        while not {"relate", "embed"} & set(held) and time.monotonic() < deadline:
            time.sleep(0.02)
        run("backup", str(kept), "--home", str(home))  # beside the one that runs
    shutil.rmtree(home)
    monkeypatch.undo()

    monkeypatch.setattr("functions.reconcile.handler.LOST_AFTER_S", 0.2)
    quick = dict.fromkeys(SWEEP_S, 0.2)
    monkeypatch.setattr(emulator, "SWEEP_S", quick)
    run("restore", str(kept), "--home", str(home))
    with emulator.emulator(Settings(home=home)) as running, http(running) as client:
        settle(client, 2)
    found = canonical.of_home(home, ids=True)
    canonical.check_settled(found)
    canonical.check(found, expected, "after the restore of what was under way")


def _hold(monkeypatch: pytest.MonkeyPatch, functions: set[str]) -> list[str]:
    """Have a host not run some functions; return the names of those that were to be run."""
    held: list[str] = []
    handle = LocalHost._handle

    def holding(self: LocalHost, batch: Any) -> None:
        if batch.hosted.name in functions:
            held.append(batch.hosted.name)
            batch.leave()
            return
        handle(self, batch)

    monkeypatch.setattr(LocalHost, "_handle", holding)
    return held


def _some(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_size)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut_last_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (lambda b: _flip(_some(b, "objects/*/*")), 1, "damaged: objects/"),
        (lambda b: _flip(_some(b, "records/*.gz")), 1, "damaged: records/"),
        (lambda b: _some(b, "objects/*/*").unlink(), 1, "damaged: objects/"),
        (lambda b: _some(b, "records/*.gz").unlink(), 1, "damaged: records/"),
        (lambda b: _cut_last_line(b / "objects.jsonl"), 1, "damaged: objects.jsonl"),
        (lambda b: (b / "manifest.json").unlink(), 4, "no backup"),
        (lambda b: (b / "manifest.json").write_text("{"), 1, "is damaged"),
        (lambda b: (b / "manifest.json").write_text('{"format": 9}'), 1, "another format"),
    ],
)
def test_a_damaged_backup_is_refused(
    folder: Path,
    backup: Backup,
    run: Callable[..., Any],
    damage: Callable[[Path], object],
    code: int,
    said: str,
) -> None:
    mine = folder / "backup"
    shutil.copytree(backup.folder, mine)
    damage(mine)
    assert said in run("restore", str(mine), "--check", code=code)
    with pytest.raises(DataFluxError):
        bring_back(cast("Deps", None), mine, replace=True)  # before anything is touched


def test_a_backup_of_other_migrations_is_refused_and_leaves_the_target_empty(
    folder: Path, backup: Backup, run: Callable[..., Any]
) -> None:
    mine, home = folder / "backup", folder / "home"
    shutil.copytree(backup.folder, mine)
    manifest = json.loads((mine / "manifest.json").read_text())
    manifest["migrations"]["99"] = "later"
    (mine / "manifest.json").write_text(json.dumps(manifest))
    assert "restore with that version" in run("restore", str(mine), "--home", str(home), code=1)
    assert canonical.of_home(home)["assets"].total() == 0
    assert not [path for path in (home / "objects").iterdir() if path.name != ".incoming"]


def test_events_for_relate_alone_are_valid(
    folder: Path, backup: Backup, run: Callable[..., Any]
) -> None:
    """What a restore announces again reaches `relate`, and nobody else."""

    home = folder / "home"
    run("restore", str(backup.folder), "--home", str(home))
    bus = LogBus(home / "bus")
    topics = ("dataflux.segment.indexed", "dataflux.asset.processing_completed")
    events = [d.event for t in topics for d in bus.tail(t) if d.event is not None]
    bus.close()
    assert {event.name for event in events} == {"segment.indexed", "asset.processing_completed"}
    assert {event.extensions["onlyfor"] for event in events} == {"relate"}
