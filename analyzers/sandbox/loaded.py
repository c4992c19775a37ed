"""The analyzers of one pool after their load(); what is missing for one leaves the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from analyzers.api import BaseAnalyzer
from analyzers.registry import Registry
from dataflux.errors import MediaFailed
from schemas.names import Reason


@dataclass(frozen=True)
class Loaded:
    """`missing` says by analyzer id why it could not be loaded."""

    registry: Registry
    missing: Mapping[str, str]

    @classmethod
    def load(cls, registry: Registry, pool: str) -> Self:
        """Call load() of every analyzer of a pool."""
        missing: dict[str, str] = {}
        for analyzer in registry.of_pool(pool):
            try:
                analyzer.load()
            except Exception as error:  # a plugin's load() may raise anything
                missing[analyzer.spec.id] = f"{type(error).__name__}: {error}"[:300]
        return cls(registry, missing)

    def use(self, name: str) -> BaseAnalyzer:
        """Return an analyzer; raise MediaFailed(model_unavailable) if it is not loaded."""
        analyzer = self.registry.get(name)
        if (why := self.missing.get(analyzer.spec.id)) is not None:
            raise MediaFailed(Reason.MODEL_UNAVAILABLE, f"{analyzer.spec.id}: {why}")
        return analyzer
