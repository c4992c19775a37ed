"""The `dataflux` command with analyzers that need no model: what is tried is not what they find.

Run: python -m tests.faults.node up --json --home FOLDER
"""

from analyzers import registry
from local import emulator
from local.cli import main
from tests.fixtures.light import LIGHT

if __name__ == "__main__":
    emulator.POOLS = ("media",)  # type: ignore[assignment]
    registry.BUILT_IN = LIGHT  # type: ignore[assignment]
    main()
