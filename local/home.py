"""What an installation keeps in its home folder, and nothing else that lies there."""

import shutil
from pathlib import Path

OURS = ("postgres", "objects", "bus", "inbox.seen", "token", "run.json", "run")


def empty(home: Path) -> None:
    """Delete what an installation keeps in its home."""
    for name in OURS:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
