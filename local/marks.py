"""Which files of the watched folder were taken, so that a restart copies none of them again."""

import json
from pathlib import Path

Mark = tuple[int, int]
"""Size and time of change."""


class Marks:
    """A file of one line per file that `owner` has taken; the last line of a name holds.

    It only saves work: a file taken twice is found out by its hash.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path, self._owner = path, owner
        self._marks: dict[str, Mark] = {}
        self._load()

    def get(self, file: Path) -> Mark | None:
        return self._marks.get(self._name(file))

    def set(self, file: Path, mark: Mark) -> None:
        name = self._name(file)
        self._marks[name] = mark
        with self._path.open("a") as out:
            out.write(_line(name, mark))

    def _name(self, file: Path) -> str:
        return f"{self._owner}:{file}"

    def _load(self) -> None:
        """Read what there is and write it anew, without what has been overtaken."""
        if not self._path.exists():
            return
        for line in self._path.read_text().splitlines():
            try:
                name, size, changed = json.loads(line)
            except ValueError:  # torn by a crash
                continue
            self._marks[name] = (size, changed)
        beside = self._path.with_suffix(".new")
        beside.write_text("".join(_line(name, mark) for name, mark in self._marks.items()))
        beside.replace(self._path)


def _line(name: str, mark: Mark) -> str:
    return json.dumps([name, *mark]) + "\n"
