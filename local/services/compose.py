"""The same servers as containers, where there is Docker: infra/compose.yaml."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dataflux.errors import Unavailable

FILE = Path(__file__).parents[2] / "infra" / "compose.yaml"


def available() -> bool:
    """Say whether Docker runs here, with compose, and the file is there: a wheel has it not."""
    if not FILE.exists() or shutil.which("docker") is None:
        return False
    asked = (["docker", "compose", "version"], ["docker", "info"])
    return all(_succeeds(command) for command in asked)


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def up(ports: Mapping[str, Mapping[str, int]]) -> None:
    """Start services at the given ports, by service and name; wait until they are healthy."""
    environment = {
        f"{service}_{name}_PORT".upper(): str(port)
        for service, named in ports.items()
        for name, port in named.items()
    }
    _compose(["up", "--detach", "--wait", *ports], environment)


def down(names: Sequence[str], *, delete: bool) -> None:
    """Stop containers and remove them; `delete` removes their data too."""
    _compose(["rm", "--stop", "--force", *(["--volumes"] if delete else []), *names])
    if delete:
        volumes = [f"dataflux_{name}" for name in names]
        subprocess.run(["docker", "volume", "rm", "--force", *volumes], capture_output=True)


def running() -> set[str]:
    """Return the names of the services that run."""
    lines = _compose(["ps", "--format", "json"]).splitlines()
    return {found["Service"] for found in map(json.loads, lines) if found["State"] == "running"}


def _compose(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    command = ["docker", "compose", "-f", str(FILE), *arguments]
    told = {**os.environ, **(environment or {})}
    ran = subprocess.run(command, capture_output=True, text=True, env=told)
    if ran.returncode:
        raise Unavailable(f"docker compose {arguments[0]} failed: {ran.stderr.strip()[-800:]}")
    return ran.stdout
