"""Which files of a folder are meant: not hidden, not half a download."""

import os
from collections.abc import Iterator
from pathlib import Path

IGNORED_SUFFIXES = (".part", ".partial", ".crdownload", ".download", ".tmp", ".swp", "~")
IGNORED_NAMES = ("Thumbs.db", "desktop.ini")


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, without following links to folders."""
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in sorted(names))


def wanted(path: Path, folder: Path) -> bool:
    """Return whether a file of a folder is meant to be taken."""
    try:
        parts = path.relative_to(folder).parts
    except ValueError:
        return False
    if any(part.startswith((".", "~$")) for part in parts) or path.name in IGNORED_NAMES:
        return False
    return not path.name.endswith(IGNORED_SUFFIXES)


def name_of(path: Path, folder: Path) -> str:
    """Return a file's name in the folder; bytes that are no UTF-8 are spelt out."""
    name = os.fsencode(path.relative_to(folder).as_posix())
    return name.decode(errors="backslashreplace")
