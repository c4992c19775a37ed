"""Start Python as another user: `python lowered.py UID ARGUMENT...`, as root.

Interpreters may lie in folders of root's own. In a mount namespace of this process such a folder is
replaced by one that everybody may pass, with nothing in it but what is needed.
"""

import ctypes
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 4096, 8192, 16384, 1 << 18
EVERYBODY_PASSES = 0o001
CANNOT = 77
"""How it exits where it may not mount."""

libc = ctypes.CDLL(None, use_errno=True)


def main(user: int, arguments: Sequence[str]) -> None:
    try:
        _make_way()
    except OSError as error:  # a container that may not mount
        sys.stderr.write(str(error))
        sys.exit(CANNOT)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    os.execv(sys.executable, [sys.executable, *arguments])


def _make_way() -> None:
    """Let others pass to the interpreter, its libraries and our sources."""
    needed = {Path(sys.base_prefix), Path(sys.prefix), Path(__file__).parents[3]}
    closed = {folder: barrier for folder in needed if (barrier := _barrier(folder))}
    if closed:
        _called(libc.unshare(CLONE_NEWNS))
        _mount("none", "/", None, MS_REC | MS_PRIVATE)
    for barrier in set(closed.values()):
        _open(barrier, [folder for folder, behind in closed.items() if behind == barrier])


def _barrier(folder: Path) -> Path | None:
    """Return the first folder on the way that others may not pass."""
    for above in reversed((folder, *folder.parents)):
        if not above.stat().st_mode & EVERYBODY_PASSES:
            return above
    return None


def _open(barrier: Path, folders: Sequence[Path]) -> None:
    """Hide a folder behind an empty one, and let what is needed appear in its place again."""
    aside = Path(tempfile.mkdtemp())
    kept = {aside / str(number): folder for number, folder in enumerate(folders)}
    for place, folder in kept.items():
        place.mkdir()
        _mount(str(folder), str(place), None, MS_BIND | MS_REC)
    _mount("none", str(barrier), "tmpfs", 0)
    barrier.chmod(0o755)
    for place, folder in kept.items():
        folder.mkdir(parents=True, exist_ok=True)
        _mount(str(place), str(folder), None, MS_MOVE)
        place.rmdir()  # never more than an empty folder: what is mounted there is the real one
    aside.rmdir()


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    form = kind.encode() if kind else None
    _called(libc.mount(source.encode(), target.encode(), form, ctypes.c_ulong(flags), None))


def _called(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
