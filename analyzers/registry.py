"""Which analyzers there are: ours in one readable list, others by allowed entry point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import Self

from analyzers.api import BaseAnalyzer
from dataflux.errors import Invalid, NotFound

BUILT_IN = (
    "analyzers.video.segmenter:VideoSegmenter",
    "analyzers.audio.segmenter:AudioSegmenter",
    "analyzers.image.segmenter:ImageSegmenter",
    "analyzers.document.segmenter:DocumentSegmenter",
    "analyzers.audio.speech:SpeechAnalyzer",
    "analyzers.text.ocr:OcrAnalyzer",
    "analyzers.text.ocr:ScanAnalyzer",
    "analyzers.image.appearance:AppearanceAnalyzer",
    "analyzers.text.language:LanguageAnalyzer",
    "analyzers.embedding.visual:VisualFallback",
    "analyzers.embedding.words:TextFallback",
)

GROUP = "dataflux.analyzers"


@dataclass(frozen=True)
class Registry:
    """The analyzers of this process, in a fixed order; imported when first asked for."""

    entries: tuple[str, ...] = BUILT_IN

    @classmethod
    def load(cls, allow: Sequence[str] = ()) -> Self:
        """Return ours and the allowed entry points; raise Invalid for one not installed."""
        found = {point.name: point.value for point in entry_points(group=GROUP)}
        missing = sorted(set(allow) - set(found))
        if missing:
            raise Invalid(
                f"no analyzer {', '.join(missing)} installed; "
                f"entry points of {GROUP}: {', '.join(sorted(found)) or 'none'}"
            )
        return cls(BUILT_IN + tuple(found[name] for name in allow))

    @cached_property
    def all(self) -> tuple[BaseAnalyzer, ...]:
        analyzers = tuple(_instance(entry) for entry in self.entries)
        seen: dict[str, str] = {}
        for entry, analyzer in zip(self.entries, analyzers, strict=True):
            name = analyzer.spec.name
            if name in seen:
                raise Invalid(f"two analyzers are named {name!r}: {seen[name]} and {entry}")
            seen[name] = entry
        return analyzers

    def get(self, name: str) -> BaseAnalyzer:
        """Return an analyzer by `name` or `name@version`."""
        for analyzer in self.all:
            if name in (analyzer.spec.name, analyzer.spec.id):
                return analyzer
        known = ", ".join(a.spec.id for a in self.all)
        raise NotFound(f"no analyzer named {name!r}; known: {known}")

    def segmenter_for(self, mime_type: str) -> BaseAnalyzer | None:
        """Return the first analyzer that cuts files of this type into segments."""
        for analyzer in self._overriding("extract_segments"):
            if mime_type in analyzer.get_supported_formats():
                return analyzer
        return None

    def analyzer_ids(self) -> list[str]:
        """Return the ids of those that analyze segments."""
        return [analyzer.spec.id for analyzer in self._overriding("analyze_segment")]

    def rendition_kinds(self) -> set[str]:
        """Return the kinds of derived objects that analyzers of segments need."""
        needed = {kind for a in self._overriding("analyze_segment") for kind in a.spec.needs}
        return needed - {"text"}

    def embedders(self, modality: str | None = None) -> list[BaseAnalyzer]:
        """Return those that make vectors, in the spaces of one modality or of all."""
        return [
            analyzer
            for analyzer in self._overriding("generate_embeddings")
            if modality is None or analyzer.spec.emits[0].startswith(f"{modality}/")
        ]

    def of_pool(self, pool: str) -> list[BaseAnalyzer]:
        """Return those that run in one kind of child."""
        return [analyzer for analyzer in self.all if analyzer.spec.pool == pool]

    def _overriding(self, method: str) -> Iterator[BaseAnalyzer]:
        for analyzer in self.all:
            if getattr(type(analyzer), method) is not getattr(BaseAnalyzer, method):
                yield analyzer


def _instance(entry: str) -> BaseAnalyzer:
    module, _, name = entry.partition(":")
    made = getattr(import_module(module), name)()
    if not isinstance(made, BaseAnalyzer):
        raise Invalid(f"{entry} is no analyzer; subclass analyzers.api.BaseAnalyzer")
    return made
