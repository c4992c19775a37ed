"""Seconds until `dataflux up` is ready: the first start of a home, and later ones.

Run: python -m bench.ready [WARM STARTS]
"""

import json
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from stores.records import embedded

GOAL_S = 10.0


def main(warm: int) -> None:
    print(
        f"Python {platform.python_version()}; PostgreSQL {embedded.version(embedded.binaries())};"
        f" DataFlux {metadata.version('dataflux')}; {platform.system()} {platform.release()}"
    )
    with tempfile.TemporaryDirectory(prefix="dataflux-bench-") as home:
        first = seconds(Path(home))
        print(f"first start      {first:5.2f} s   goal < {GOAL_S:.0f} s")
        later = [seconds(Path(home)) for _ in range(warm)]
    print(
        f"later starts     {statistics.median(later):5.2f} s   median of {warm}"
        f" ({min(later):.2f} to {max(later):.2f})"
    )


def seconds(home: Path) -> float:
    """Start an emulator and stop it; return the seconds until it said that it is ready."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up", "--json", "--home", str(home)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with process:
            assert process.stdout is not None
            line = process.stdout.readline()
            ready = time.perf_counter() - start
            json.loads(line)
            process.send_signal(signal.SIGINT)
    finally:
        process.kill()
    return ready


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
