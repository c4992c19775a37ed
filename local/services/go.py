"""Programs that are built from Go modules, once."""

import os
from pathlib import Path

from local.services import packages


def install(module: str, version: str, built: Path) -> None:
    """Build the program of a module into a folder; that takes minutes and is done once."""
    go = packages.ensure("go", "golang-go")
    environment = {**os.environ, "GOBIN": str(built), "GOFLAGS": "-mod=mod"}
    command = [go, "install", "-ldflags", "-s -w", f"{module}@{version}"]
    packages.run(command, f"building {module}", env=environment)
