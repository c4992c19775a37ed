"""Hot reload of analyzers: new ones take their place here and in the interpreters that children
are forked from; what runs ends with the old.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import analyzers
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from local.reloading import Watched, compiled, said, taken_out

log = logging.getLogger(__name__)

OURS = Path(analyzers.__file__).parent


def watched(registry: Registry, sandbox: Sandbox) -> Iterator[Watched]:
    """Yield the folders of our analyzers and of the plugins that are allowed."""
    packages = _packages(registry)
    for folder in sorted({_watched(place) for place in packages.values()}):
        yield Watched(folder, _Analyzers(registry, sandbox, packages).reload)


@dataclass(frozen=True)
class _Analyzers:
    """The analyzers of a process, and where the code of each package of them lies."""

    registry: Registry
    sandbox: Sandbox
    packages: dict[str, Path]

    def reload(self, paths: Iterable[Path]) -> Iterator[str]:
        """Put new analyzers in the place of all; if that cannot be done, the old ones stay."""
        changed = set(paths)
        mine = {path for path in changed if any(map(path.is_relative_to, self.packages.values()))}
        for path in sorted(changed - mine):
            if path.is_relative_to(OURS):
                shared = path.relative_to(OURS)
                yield f"analyzers/{shared} is shared by analyzers: start again to use the change"
        if mine:
            yield self._reload(mine)

    def _reload(self, changed: set[Path]) -> str:
        began = time.perf_counter()
        old = taken_out(self.packages)
        try:
            compiled(path for path in changed if path.exists())
            fresh = replace(self.registry)
            fresh.all  # noqa: B018 - makes them
            self.sandbox.renew()
        except Exception as error:  # whatever the new code does when it is imported
            taken_out(self.packages)
            sys.modules.update(old)
            log.debug("analyzers cannot be loaded", exc_info=error)
            folders = map(_watched, self.packages.values())
            return f"analyzers stay as they were: {said(error, *folders)}"
        self.registry.take_over(fresh)
        named = ", ".join(sorted({path.stem for path in changed}))
        return f"analyzers are reloaded for {named} ({time.perf_counter() - began:.1f} s)"


def _packages(registry: Registry) -> dict[str, Path]:
    """Return where the code of analyzers lies: of each medium a package, of a plugin its own."""
    found = {}
    for analyzer in registry.all:
        module = sys.modules[type(analyzer).__module__]
        medium = ".".join(module.__name__.split(".")[:2])
        package = medium if medium.startswith("analyzers.") else module.__name__.split(".")[0]
        found[package] = _place(package)
    return found


def _place(package: str) -> Path:
    """Return the folder of a package, or the file of a module."""
    file = Path(str(sys.modules[package].__file__))
    return file.parent if file.name == "__init__.py" else file


def _watched(place: Path) -> Path:
    if place.is_relative_to(OURS):
        return OURS
    return place if place.is_dir() else place.parent
