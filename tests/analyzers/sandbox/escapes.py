"""Run in a process of its own, as whoever it is started as: try every way out of a sealed child.

Prints the level of the seal, how each probe was refused, and who came to a server of nobody's.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from analyzers.api import Artifact
from analyzers.registry import Registry
from analyzers.sandbox import Limits, Sandbox
from analyzers.sandbox.limits import GIB
from tests.analyzers.sandbox import unsealed
from tests.analyzers.sandbox.held import Held
from tests.analyzers.sandbox.playlists import NAMES, playlist
from tests.analyzers.sandbox.rogues import ENTRIES, PROBES, SECRET
from tests.hostile.canary import canary

FORCED = "tests.analyzers.sandbox.rogues:Forced"
WITHOUT = {"namespaces": unsealed.NAMESPACES, "landlock": unsealed.LANDLOCK}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", choices=WITHOUT, action="append", default=[])
    refused = [call for name in parser.parse_args().without for call in WITHOUT[name]]
    if refused:
        unsealed.refuse(tuple(refused))
    os.environ[SECRET] = "hunter2"
    with tempfile.TemporaryDirectory() as folder, canary() as bird:
        secret = Path(folder) / "secret.ts"
        secret.write_bytes(b"G" + bytes(187 * 100))
        limits = Limits(wall_s=60, memory={"media": GIB}, resident={"media": GIB})
        sandbox = Sandbox(Registry((*ENTRIES, FORCED)), limits=limits)
        try:
            told = {"another tenant": str(secret), "connect": bird.port, "datagram": bird.port}
            probes = {name: _probed(sandbox, name, str(told.get(name, ""))) for name in PROBES}
            read = {name: _read(sandbox, name, bird.port, secret) for name in NAMES}
            level = sandbox.level()
        finally:
            sandbox.close()
    print(json.dumps({"level": level, "probes": probes, "read": read, "visits": bird.visits}))


def _probed(sandbox: Sandbox, name: str, target: str) -> str | None:
    (found,) = sandbox.extract(Held(f"{name}: {target}".encode()), "rogue", None, {})
    assert isinstance(found, Artifact)
    refused: str | None = json.loads(found.data)["refused"]
    return refused


def _read(sandbox: Sandbox, name: str, port: int, secret: Path) -> str:
    """Return how much a demuxer has read that was forced to follow a playlist."""
    data = playlist(name, f"http://127.0.0.1:{port}", secret)
    (found,) = sandbox.extract(Held(data), "forced", None, {"format": name.split()[0]})
    assert isinstance(found, Artifact)
    return found.data.decode()


if __name__ == "__main__":
    main()
