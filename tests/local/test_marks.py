"""What the inbox has taken, kept over restarts."""

from pathlib import Path

from local.marks import Marks


def test_marks_are_kept_and_the_last_holds(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "seen", "t")
    marks.set(Path("/in/a"), (1, 10))
    marks.set(Path("/in/a"), (2, 20))
    marks.set(Path("/in/b"), (3, 30))
    again = Marks(tmp_path / "seen", "t")
    assert (again.get(Path("/in/a")), again.get(Path("/in/b"))) == ((2, 20), (3, 30))
    assert len((tmp_path / "seen").read_text().splitlines()) == 2


def test_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    Marks(tmp_path / "seen", "t").set(Path("/in/a"), (1, 10))
    with (tmp_path / "seen").open("a") as out:
        out.write('["t:/in/b", 7')
    assert Marks(tmp_path / "seen", "t").get(Path("/in/a")) == (1, 10)
    assert Marks(tmp_path / "seen", "t").get(Path("/in/b")) is None


def test_other_records_have_taken_nothing(tmp_path: Path) -> None:
    Marks(tmp_path / "seen", "one").set(Path("/in/a"), (1, 10))
    assert Marks(tmp_path / "seen", "two").get(Path("/in/a")) is None
