"""Seeds: a test that fails says which one it had, and how to have it again."""

import contextlib
import os
from collections.abc import Iterator

VARIABLE = "FAULTS_SEED"
DEFAULT = 20261124


def seed() -> int:
    """Return the seed of this run: the variable's, or the one of every day."""
    return int(os.environ.get(VARIABLE, DEFAULT))


@contextlib.contextmanager
def replayable(seed: int, *details: object) -> Iterator[None]:
    """Say at a failure with which seed it happened, and the one command that replays it."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").removesuffix(" (call)")
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {seed}" + "".join(f"\n  {detail}" for detail in details))
        error.add_note(f"again: {VARIABLE}={seed} python -m pytest -m '' '{test}'")
        raise
