"""One emulator a home: the lock, what is announced, what reset deletes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataflux.errors import Conflict, Invalid
from dataflux.settings import Settings
from local import up
from local.home import empty


def test_a_second_emulator_is_told_who_runs(tmp_path: Path) -> None:
    with (
        up.alone(tmp_path),
        up.announced(tmp_path, "http://127.0.0.1:7"),
        pytest.raises(Conflict, match=rf"pid {os.getpid()}, http://127.0.0.1:7\); stop it first"),
        up.alone(tmp_path),
    ):
        pass


def test_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    with up.alone(tmp_path):
        assert up.who(tmp_path) == "it is just starting"
    assert up.who(tmp_path) is None
    with up.alone(tmp_path):
        pass


def test_nothing_runs_where_nothing_ever_was(tmp_path: Path) -> None:
    assert up.who(tmp_path / "never") is None
    assert not (tmp_path / "never").exists()


def test_an_announcement_of_the_dead_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "run.json").write_text('{"url": "http://x", "pid": 1}')
    assert up.who(tmp_path) is None


def test_the_announcement_goes_when_the_emulator_goes(tmp_path: Path) -> None:
    with up.announced(tmp_path, "http://127.0.0.1:7"):
        found = json.loads((tmp_path / "run.json").read_text())
        assert found == {"url": "http://127.0.0.1:7", "pid": os.getpid()}
    assert not (tmp_path / "run.json").exists()


def test_the_greeting_is_one_line_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=tmp_path)
    up.greet(settings, "http://127.0.0.1:7", "df_t", 1.25, as_json=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "url": "http://127.0.0.1:7",
        "page": "http://127.0.0.1:7/?token=df_t",
        "token": "df_t",
        "home": str(tmp_path),
        "inbox": str(tmp_path / "inbox"),
        "pid": os.getpid(),
        "ready_s": 1.25,
    }


def test_reset_leaves_the_inbox_and_what_is_not_ours(tmp_path: Path) -> None:
    for folder in ("postgres", "objects", "bus", "inbox"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("x")
    (tmp_path / "token").write_text("t")
    (tmp_path / "notes.txt").write_text("mine")
    assert up.reset(tmp_path, yes=True) == tmp_path
    assert sorted(p.name for p in tmp_path.iterdir()) == ["inbox", "notes.txt"]
    assert (tmp_path / "inbox/file").exists()


def test_reset_refuses_while_an_emulator_runs(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    with up.alone(tmp_path), pytest.raises(Conflict, match="stop it first"):
        up.reset(tmp_path, yes=True)
    assert (tmp_path / "token").exists()


def test_reset_wants_a_yes_that_no_script_gives_by_accident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(Invalid, match="--yes"):
        up.reset(tmp_path, yes=False)
    assert (tmp_path / "token").exists()


ASK = """
import os, signal, sys, threading
from local import up
sys.setswitchinterval(1e-6)
def ask(after):
    for _ in range(after):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
for number in range(200):
    told = up.Told()
    asking = threading.Thread(target=ask, args=(number,))
    asking.start()
    told.wait()
    asking.join()
"""


def test_fresh_leaves_the_lock_and_saved_states(tmp_path: Path) -> None:
    with up.alone(tmp_path):
        (tmp_path / "states/demo").mkdir(parents=True)
        (tmp_path / "token").write_text("t")
        empty(tmp_path)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["lock", "states"]


def test_a_signal_at_any_moment_is_heard() -> None:
    subprocess.run([sys.executable, "-c", ASK], check=True, timeout=30)
