"""Hot reload of analyzers: the next job meets the new code, also in a child; what runs ends."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from analyzers.api import Artifact
from analyzers.registry import Registry
from analyzers.sandbox import Limits, Sandbox
from dataflux.errors import Unavailable
from local import fresh_analyzers, reloading
from tests.analyzers.sandbox.held import Held
from tests.zygotes import zygotes

PATIENCE_S = 30.0
PLUGIN = """
from analyzers.api import AnalyzerSpec, Artifact, BaseAnalyzer, Cost
from toy_plugin.word import WORD


class Toy(BaseAnalyzer):
    spec = AnalyzerSpec("toy", "1", formats=("text/plain",), cost=Cost(0.01))

    def load(self):
        if WORD == "unloadable":
            raise RuntimeError("no such model")

    def extract_segments(self, file, config):
        file.read(1)
        yield Artifact("said", "text/plain", WORD.encode())
"""


class Slow(Held):
    """A file of which nothing can be read before it is let."""

    def __init__(self) -> None:
        super().__init__(b"bytes", ranges=True)
        self.asked, self.let = threading.Event(), threading.Event()

    def read(self, offset: int, length: int) -> bytes:
        self.asked.set()
        assert self.let.wait(PATIENCE_S)
        return super().read(offset, length)


@dataclass
class Toy:
    """A plugin that says a word, as an installation would have it."""

    folder: Path
    registry: Registry
    sandbox: Sandbox
    others: Sequence[psutil.Process]
    """The zygotes of other sandboxes."""

    def zygotes(self) -> list[psutil.Process]:
        return [each for each in zygotes() if each not in self.others]

    def write(self, word: str) -> None:
        (self.folder / "word.py").write_text(f"WORD = {word!r}\n")

    def reload(self, *names: str) -> list[str]:
        files = {self.folder / name for name in names or ("word.py",)}
        (mine,) = (w for w in self.watched() if w.folder == self.folder)
        return list(mine.reload(files))

    def watched(self) -> list[reloading.Watched]:
        return list(fresh_analyzers.watched(self.registry, self.sandbox))

    def says(self, source: Held | None = None) -> str:
        found = self.sandbox.extract(source or Held(b"bytes"), "toy", None, {})
        (said,) = (each for each in found if isinstance(each, Artifact))
        return said.data.decode()

    def here(self) -> str:
        """Return the word that the analyzer of this process has."""
        module = sys.modules[type(self.registry.get("toy")).__module__]
        return str(module.WORD)


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    folder = tmp_path / "toy_plugin"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry(("toy_plugin.plugin:Toy",))
    others = zygotes()
    sandbox = Sandbox(registry, limits=Limits(wall_s=PATIENCE_S))
    made = Toy(folder, registry, sandbox, others)
    made.write("old")
    assert made.says() == made.here() == "old"
    yield made
    made.sandbox.close()
    reloading.taken_out(["toy_plugin"])


def test_the_next_child_meets_new_code_what_runs_ends_on_the_old(toy: Toy) -> None:
    slow = Slow()
    with ThreadPoolExecutor() as running:
        job = running.submit(toy.says, slow)
        try:
            assert slow.asked.wait(PATIENCE_S)
            toy.write("new")
            (line,) = toy.reload()
            assert "analyzers are reloaded for word" in line
            assert toy.says() == toy.here() == "new"
            assert len(toy.zygotes()) > 1  # the old one is still at work
        finally:
            slow.let.set()
        assert job.result() == "old"
    _wait(lambda: len(toy.zygotes()) == 1)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("word.py", "WORD = ", "SyntaxError"),
        ("word.py", "WORD = 1 / 0", "word.py:1: ZeroDivisionError"),
        ("plugin.py", "class Toy: pass", "is no analyzer"),
        ("word.py", "WORD = 'unloadable'", "toy@1 cannot run: RuntimeError: no such model"),
        ("word.py", "import sys\nassert 'pytest' in sys.modules\nWORD = 'x'", "did not start"),
    ],
)
def test_broken_code_is_told_of_and_the_old_stays(
    toy: Toy, file: str, text: str, told: str
) -> None:
    (toy.folder / file).write_text(text)
    (line,) = toy.reload(file)
    assert line.startswith("analyzers stay as they were: ")
    assert told in line
    assert toy.says() == toy.here() == "old"
    assert len(toy.zygotes()) == 1
    (toy.folder / "plugin.py").write_text(PLUGIN)
    toy.write("mended")
    assert "are reloaded" in toy.reload("plugin.py", "word.py")[0]
    assert toy.says() == toy.here() == "mended"


def test_a_saved_file_is_noticed(toy: Toy) -> None:
    told = threading.Event()
    with reloading.reloading(lambda line: told.set(), *toy.watched()):
        toy.write("new")
        assert told.wait(PATIENCE_S)
    assert toy.says() == "new"


@pytest.mark.long
def test_jobs_that_begin_meanwhile_all_end_well(toy: Toy) -> None:
    ended, said = threading.Event(), set[str]()

    def ask() -> None:
        while not ended.is_set():
            said.add(toy.says())

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    try:
        for n in range(2):
            toy.write(f"word {n}")
            assert "are reloaded" in toy.reload()[0]
    finally:
        ended.set()
        for thread in asking:
            thread.join()
    assert toy.says() == "word 1"
    assert said <= {"old", "word 0", "word 1"}


def test_a_sandbox_that_closes_meanwhile_leaves_no_zygote(toy: Toy) -> None:
    slow = Slow()
    with ThreadPoolExecutor() as running:
        job = running.submit(toy.says, slow)
        assert slow.asked.wait(PATIENCE_S)
        assert "are reloaded" in toy.reload()[0]
        toy.sandbox.close()
        slow.let.set()
        with pytest.raises(Unavailable):
            job.result()
    assert toy.zygotes() == []


def test_what_analyzers_share_needs_a_new_start(toy: Toy) -> None:
    registry = Registry(("analyzers.text.language:LanguageAnalyzer",))
    (ours,) = fresh_analyzers.watched(registry, toy.sandbox)
    (line,) = ours.reload({ours.folder / "api.py"})
    assert "analyzers/api.py is shared by analyzers: start again" in line


def _wait(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
