"""Hot reload: the next event meets the new code, what runs ends on the old, nothing is lost."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import functions
from functions import targets
from functions.targets import Kind, Target
from local import reloading

NAME = "reloaded"
TARGET = Target(NAME, Kind.CONSUMER, ())
PATIENCE_S = 10.0
HANDLER = """
from functions.reloaded.said import WORD

def handle(wait, started):
    started()
    wait()
    return WORD
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A function of its own, in a folder that belongs to the package `functions`."""
    place = tmp_path / NAME
    place.mkdir()
    (place / "__init__.py").write_text("")
    (place / "said.py").write_text("WORD = 'old'\n")
    (place / "handler.py").write_text(HANDLER)
    monkeypatch.setattr(functions, "__path__", [*functions.__path__, str(tmp_path)])
    monkeypatch.setitem(targets.BY_NAME, NAME, TARGET)
    monkeypatch.setattr(reloading, "FUNCTIONS", tmp_path)
    yield place
    targets._REPLACED.pop(NAME, None)
    for module in [m for m in sys.modules if m.startswith(f"functions.{NAME}")]:
        del sys.modules[module]


def word() -> str:
    said: str = TARGET.handler()(lambda: None, lambda: None)
    return said


def test_the_next_event_meets_new_code_what_runs_ends_on_the_old(folder: Path) -> None:
    go, started, said = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        said.append(TARGET.handler()(lambda: go.wait(PATIENCE_S), started.set))

    running = threading.Thread(target=work)
    running.start()
    assert started.wait(PATIENCE_S)
    (folder / "said.py").write_text("WORD = 'new'\n")
    assert "reloaded is reloaded" in reloading.reload(NAME)
    assert word() == "new"
    go.set()
    running.join()
    assert said == ["old"]


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("handler.py", "def handle(:", "SyntaxError"),
        ("handler.py", "import no_such_module", "ModuleNotFoundError"),
        ("handler.py", "x = 1 / 0", "handler.py:1: ZeroDivisionError"),
        ("handler.py", "x = 1", "has no attribute 'handle'"),
        ("said.py", "WORD = ", "said.py"),
        ("later.py", "def half(", "later.py"),
    ],
)
def test_broken_code_is_told_of_and_the_old_stays(
    folder: Path, file: str, text: str, told: str
) -> None:
    assert word() == "old"
    (folder / file).write_text(text)
    line = reloading.reload(NAME)
    assert line.startswith("reloaded stays as it was")
    assert told in line
    assert word() == "old"
    (folder / "later.py").unlink(missing_ok=True)
    (folder / "said.py").write_text("WORD = 'mended'\n")
    (folder / "handler.py").write_text(HANDLER)
    assert "is reloaded" in reloading.reload(NAME)
    assert word() == "mended"


def test_nobody_meets_a_function_that_is_half_loaded(folder: Path) -> None:
    assert word() == "old"
    (folder / "handler.py").write_text("import time; time.sleep(0.3); 1 / 0\n")
    ended, met = threading.Event(), set[str]()

    def ask() -> None:
        while not ended.is_set():
            try:
                met.add(word())
            except Exception as error:
                met.add(repr(error))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert "stays as it was" in reloading.reload(NAME)
    finally:
        ended.set()
        asking.join()
    assert met == {"old"}


def test_a_saved_file_is_noticed_within_two_seconds(folder: Path) -> None:
    assert word() == "old"
    told, lines = threading.Event(), list[str]()

    def tell(line: str) -> None:
        lines.append(line)
        told.set()

    with reloading.reloading(tell):
        (folder / "said.py").write_text("WORD = 'new'\n")
        began = time.monotonic()
        assert told.wait(PATIENCE_S)
        assert time.monotonic() - began < 2
    assert word() == "new"
    assert len(lines) == 1


def test_a_function_that_was_not_used_yet_is_only_noted(folder: Path) -> None:
    assert "was not loaded yet" in reloading.reload(NAME)
    assert word() == "old"


def test_what_all_functions_share_is_not_reloaded(folder: Path) -> None:
    (line,) = reloading.reload_all([folder.parent / "engine.py"])
    assert "shared by all functions: start again" in line
