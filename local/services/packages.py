"""Programs that Debian packages: found, or installed where that is allowed."""

import os
import shutil
import subprocess

from dataflux.errors import Unavailable


def ensure(program: str, package: str) -> str:
    """Return the path of a program; as root, install its package if it is missing."""
    found = shutil.which(program)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(package)
        found = shutil.which(program)
    if found is None:
        raise Unavailable(f"{program} is not installed; apt-get install {package}")
    return found


def _install(package: str) -> None:
    """No recommended packages, and no service of its own is started."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    for command in (install, ["apt-get", "update", "-qq"], install):
        ran = subprocess.run(command, env=quiet, capture_output=True, text=True)
        if command is install and ran.returncode == 0:
            return
    raise Unavailable(f"apt-get could not install {package}: {ran.stderr.strip()[-500:]}")


def run(command: list[str], what: str, **options: object) -> None:
    """Run a program to its end; raise Unavailable with the end of what it said if it fails."""
    ran = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if ran.returncode:
        said = (ran.stderr.strip() or ran.stdout.strip())[-800:]
        raise Unavailable(f"{what} failed: {said}")
