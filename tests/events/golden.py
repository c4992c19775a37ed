"""The golden files of events: their bytes are a promise.

`python -m tests.events.golden` writes the files of types that have none yet.
"""

from pathlib import Path

from events import codec
from events.samples import sample
from events.types import TYPES

GOLDEN = Path(__file__).parents[1] / "golden" / "events"


def main() -> None:
    """Write the golden files that are missing: those that are there are a promise."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in TYPES:
        path = GOLDEN / f"{name}.json"
        if not path.exists():
            path.write_bytes(codec.dumps(sample(name)) + b"\n")


if __name__ == "__main__":
    main()
