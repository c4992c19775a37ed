"""The watched folder: a file is taken once it rests, once only, and is left as it was."""

import os
import threading
from pathlib import Path

import pytest

from dataflux.errors import Unavailable
from local.inbox import AGAIN_S, SWEEP_S, Inbox
from local.marks import Marks


class Time:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Watched:
    """An inbox that is looked at by hand, and what it has taken."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "inbox"
        self.home = home
        self.time = Time()
        self.taken: list[tuple[str, bytes]] = []
        self.failing: list[Exception] = []
        self.inbox = self.start()

    def start(self) -> Inbox:
        marks = Marks(self.home / "seen", "tenant")
        self.inbox = Inbox(self.folder, self.take, marks, rest_s=0.5, now=self.time)
        return self.inbox

    def take(self, path: Path, name: str) -> None:
        if self.failing:
            raise self.failing.pop(0)
        self.taken.append((name, path.read_bytes()))

    def look(self, seconds: float = 0.0) -> list[str]:
        self.time.at += seconds
        self.inbox.look()
        return [name for name, _ in self.taken]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_file_is_taken_once_it_has_rested(watched: Watched) -> None:
    (watched.folder / "a.txt").write_text("one")
    assert watched.look() == []
    assert watched.look(0.4) == []
    assert watched.look(0.2) == ["a.txt"]
    assert watched.look(SWEEP_S) == ["a.txt"]


def test_a_file_that_grows_is_left_alone(watched: Watched) -> None:
    file = watched.folder / "film.mp4"
    for size in range(1, 6):
        file.write_bytes(b"x" * size)
        assert watched.look(0.4) == []
    watched.look(0.6)
    assert watched.taken == [("film.mp4", b"xxxxx")]


def test_a_file_that_changes_without_growing_is_left_alone(watched: Watched) -> None:
    file = watched.folder / "a.txt"
    file.write_text("one")
    watched.look()
    os.utime(file, ns=(1, 1))
    assert watched.look(0.6) == []
    assert watched.look(0.6) == ["a.txt"]


def test_what_changed_is_taken_again(watched: Watched) -> None:
    file = watched.folder / "a.txt"
    file.write_text("one")
    watched.look()
    watched.look(0.6)
    file.write_text("other")
    watched.look(SWEEP_S)
    watched.look(0.6)
    assert watched.taken == [("a.txt", b"one"), ("a.txt", b"other")]


def test_what_was_there_before_the_start_is_swept_in(tmp_path: Path) -> None:
    deep = tmp_path / "inbox/ü mlaut/+1"
    deep.mkdir(parents=True)
    (deep / "a b.txt").write_text("x")
    watched = Watched(tmp_path)
    watched.look()
    assert watched.look(0.6) == ["ü mlaut/+1/a b.txt"]


def test_a_restart_takes_nothing_twice(watched: Watched) -> None:
    (watched.folder / "a.txt").write_text("one")
    watched.look()
    watched.look(0.6)
    watched.start()
    watched.look()
    assert watched.look(0.6) == ["a.txt"]


@pytest.mark.parametrize(
    "name",
    [".hidden", "a.part", "b.crdownload", "c.txt~", "~$letter.docx", ".d/e.txt", "Thumbs.db"],
)
def test_hidden_and_partial_files_are_ignored(watched: Watched, name: str) -> None:
    file = watched.folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("x")
    watched.look()
    assert watched.look(0.6) == []


def test_links_and_pipes_are_ignored(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (watched.folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(watched.folder / "pipe")
    watched.look()
    assert watched.look(0.6) == []


def test_the_file_is_not_touched(watched: Watched) -> None:
    file = watched.folder / "a.txt"
    file.write_text("one")
    file.chmod(0o444)
    before = file.stat()
    watched.look()
    watched.look(0.6)
    after = file.stat()
    assert watched.taken
    assert (after.st_mtime_ns, after.st_mode, after.st_ino) == (
        before.st_mtime_ns,
        before.st_mode,
        before.st_ino,
    )


@pytest.mark.parametrize("error", [Unavailable("no database"), OSError("disk"), ValueError("bug")])
def test_what_fails_is_tried_again_later_and_holds_up_nobody(
    watched: Watched, error: Exception
) -> None:
    (watched.folder / "a.txt").write_text("one")
    (watched.folder / "b.txt").write_text("two")
    watched.failing = [error]
    watched.look()
    assert watched.look(0.6) == ["b.txt"]
    assert watched.look(AGAIN_S / 2) == ["b.txt"]
    assert watched.look(AGAIN_S) == ["b.txt", "a.txt"]


def test_failures_are_tried_ever_more_rarely(watched: Watched) -> None:
    (watched.folder / "a.txt").write_text("one")
    watched.failing = [OSError("disk") for _ in range(1000)]
    watched.look()
    for _ in range(600):
        watched.look(1.0)
    assert 1000 - len(watched.failing) < 12


def test_a_name_that_is_no_utf8_is_spelt_out(watched: Watched) -> None:
    (Path(os.fsdecode(os.fsencode(watched.folder) + b"/caf\xe9.txt"))).write_text("x")
    watched.look()
    assert watched.look(0.6) == ["caf\\xe9.txt"]
    watched.start()
    watched.look()
    assert len(watched.look(0.6)) == 1


def test_a_file_that_goes_before_it_is_taken_is_forgotten(watched: Watched) -> None:
    file = watched.folder / "a.txt"
    file.write_text("one")
    watched.look()
    file.unlink()
    assert watched.look(0.6) == []


def test_the_folder_is_watched_and_the_thread_ends(tmp_path: Path) -> None:
    took = threading.Event()
    before = set(threading.enumerate())
    marks = Marks(tmp_path / "seen", "t")
    inbox = Inbox(tmp_path / "inbox", lambda *_: took.set(), marks, rest_s=0.02)
    inbox.start()
    (tmp_path / "inbox/a.txt").write_text("x")
    assert took.wait(10)
    inbox.close()
    inbox.join(10)
    assert set(threading.enumerate()) <= before


def test_without_notifications_the_folder_is_still_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watches(self: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("local.inbox.Observer.start", no_watches)
    monkeypatch.setattr("local.inbox.UNWATCHED_SWEEP_S", 0.02)
    monkeypatch.setattr("local.inbox.SWEEP_S", 0.02)
    took = threading.Event()
    marks = Marks(tmp_path / "seen", "t")
    inbox = Inbox(tmp_path / "inbox", lambda *_: took.set(), marks, rest_s=0.02)
    inbox.start()
    (tmp_path / "inbox/a.txt").write_text("x")
    assert took.wait(10)
    inbox.close()
    inbox.join(10)
