"""Hot reload of analyzers: new ones take their place here and in the interpreters that children
are forked from; what runs ends with the old.
"""

import logging
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import analyzers
from analyzers.api import BaseAnalyzer
from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from dataflux.errors import Unavailable
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
            yield from self._reload(mine)

    def _reload(self, changed: set[Path]) -> Iterator[str]:
        """The pools whose analyzers have changed come first; others may import from those."""
        began, first = time.perf_counter(), self._pools(changed)
        try:
            self._take_over(changed, first)
        except Exception as error:  # whatever the new code does when it is imported
            log.debug("analyzers cannot be loaded", exc_info=error)
            folders = map(_watched, self.packages.values())
            yield f"analyzers stay as they were: {said(error, *folders)}"
            return
        named = ", ".join(sorted({path.stem for path in changed}))
        yield f"analyzers are reloaded for {named} ({time.perf_counter() - began:.1f} s)"
        try:
            self.sandbox.renew(self.sandbox.pools - first)
        except Unavailable as error:
            yield f"other analyzers stay as they were: {error}"

    def _take_over(self, changed: set[Path], pools: Collection[str]) -> None:
        old = taken_out(self.packages)
        try:
            compiled(path for path in changed if path.exists())
            fresh = replace(self.registry)
            fresh.make()
            self.sandbox.renew(pools)
        except BaseException:
            taken_out(self.packages)
            sys.modules.update(old)
            raise
        self.registry.take_over(fresh)

    def _pools(self, changed: set[Path]) -> set[str]:
        """Return the pools that analyzers of the changed packages run in."""
        names = {
            name
            for name, place in self.packages.items()
            if any(path.is_relative_to(place) for path in changed)
        }
        return {a.spec.pool for a in self.registry.all if _package(a) in names}


def _packages(registry: Registry) -> dict[str, Path]:
    """Return where the code of analyzers lies."""
    return {name: _place(name) for name in map(_package, registry.all)}


def _package(analyzer: BaseAnalyzer) -> str:
    """Return what is reloaded for an analyzer: of ours, all of its medium; of a plugin, all."""
    parts = type(analyzer).__module__.split(".")
    return ".".join(parts[:2] if parts[0] == "analyzers" else parts[:1])


def _place(package: str) -> Path:
    """Return the folder of a package, or the file of a module."""
    file = Path(str(sys.modules[package].__file__))
    return file.parent if file.name == "__init__.py" else file


def _watched(place: Path) -> Path:
    if place.is_relative_to(OURS):
        return OURS
    return place if place.is_dir() else place.parent
