"""Which analyzers there are: ours in one readable list, others by allowed entry point."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Self

from analyzers import declared
from analyzers.api import BaseAnalyzer
from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from dataflux.errors import Invalid, NotFound

log = logging.getLogger(__name__)

VIDEO = "analyzers.video.segmenter:VideoSegmenter"
SCENES = dict.fromkeys(
    ("content", "adaptive", "histogram", "hash"),
    "analyzers.video.pyscenedetect:PySceneDetectSegmenter",
)
"""By how scenes are to be found, what cuts films instead."""
BUILT_IN = (
    VIDEO,
    "analyzers.audio.segmenter:AudioSegmenter",
    "analyzers.image.segmenter:ImageSegmenter",
    "analyzers.document.segmenter:DocumentSegmenter",
    "analyzers.audio.speech:SpeechAnalyzer",
    "analyzers.text.ocr:OcrAnalyzer",
    "analyzers.text.ocr:ScanAnalyzer",
    "analyzers.image.appearance:AppearanceAnalyzer",
    "analyzers.text.language:LanguageAnalyzer",
    "analyzers.text.keywords:KeywordsAnalyzer",
    "analyzers.text.mentions:MentionsAnalyzer",
    "analyzers.text.names:NamesAnalyzer",
    "analyzers.text.sentiment:SentimentAnalyzer",
    "analyzers.embedding.visual:VisualFallback",
    "analyzers.embedding.words:TextFallback",
)

NO_MODELS = ModelStore(Path("/nonexistent"))
GROUP = "dataflux.analyzers"
OURS = "dataflux"


@dataclass(frozen=True)
class Registry:
    """The analyzers of this process, in a fixed order; imported when first asked for."""

    entries: tuple[str, ...] = BUILT_IN
    origins: Mapping[str, str] = field(default_factory=dict)
    """By entry, the distribution that a plugin comes from."""
    store: ModelStore = NO_MODELS
    """Where the models lie that entries like `module:Class#model` name."""
    runtime: Runtime = field(default_factory=Runtime)
    retired: frozenset[str] = frozenset()
    """Embedders that make no new vectors: what they made before can still be searched."""

    @classmethod
    def load(
        cls, allow: Sequence[str] = (), models: Selection | None = None, *, scenes: str = "auto"
    ) -> Self:
        """Return ours and the allowed entry points; raise Invalid for one not installed."""
        built_in = tuple(SCENES.get(scenes, e) if e == VIDEO else e for e in BUILT_IN)
        allowed = _entry_points(allow)
        origins = {point.value: _distribution(point) for point in allowed}
        plugins = tuple(point.value for point in allowed)
        if models is None:
            return cls(built_in + plugins, origins)
        ours, retired = models.applied(built_in)
        return cls(ours + plugins, origins, models.store, models.runtime, retired)

    @property
    def all(self) -> tuple[BaseAnalyzer, ...]:
        """Every analyzer that can be used; raise Invalid if one of ours cannot, or for two of a
        name."""
        return self._made[0]

    @property
    def broken(self) -> Mapping[str, str]:
        """By entry, why a plugin that is allowed cannot be used; the others go on without it."""
        return self._made[1]

    def make(self) -> None:
        """Make all of them now; raise what `all` would."""
        _ = self.all

    @cached_property
    def _made(self) -> tuple[tuple[BaseAnalyzer, ...], Mapping[str, str]]:
        usable: dict[str, BaseAnalyzer] = {}
        broken: dict[str, str] = {}
        for entry in self.entries:
            try:
                usable[entry] = self._instance(entry)
            except Invalid as error:
                if entry not in self.origins:
                    raise
                log.error("%s", error)
                broken[entry] = str(error)
        self._check_names(usable)
        return tuple(usable.values()), broken

    def _check_names(self, usable: Mapping[str, BaseAnalyzer]) -> None:
        first: dict[str, str] = {}
        for entry, analyzer in usable.items():
            if (other := first.setdefault(analyzer.spec.name, entry)) != entry:
                raise Invalid(
                    f"two analyzers are named {analyzer.spec.name!r}: {self._origin(other)} and"
                    f" {self._origin(entry)}; allow only one"
                )

    def take_over(self, other: "Registry") -> None:
        """Go on with the analyzers that another registry of the same entries has made."""
        self.__dict__["_made"] = other._made

    def get(self, name: str) -> BaseAnalyzer:
        """Return an analyzer by `name` or `name@version`."""
        for analyzer in self.all:
            if name in (analyzer.spec.name, analyzer.spec.id):
                return analyzer
        known = ", ".join(a.spec.id for a in self.all)
        raise NotFound(f"no analyzer named {name!r}; known: {known}")

    def origin_of(self, analyzer: BaseAnalyzer) -> str:
        """Return the distribution that an analyzer comes from."""
        own = type(analyzer)
        by_place = {entry.partition("#")[0]: origin for entry, origin in self.origins.items()}
        return by_place.get(f"{own.__module__}:{own.__name__}", OURS)

    def segmenter_for(self, mime_type: str) -> BaseAnalyzer | None:
        """Return the first analyzer that cuts files of this type into segments."""
        for analyzer in self._that(declared.cuts):
            if mime_type in analyzer.get_supported_formats():
                return analyzer
        return None

    def analyzer_ids(self, consents: Collection[str] = ()) -> list[str]:
        """Return the ids of those that analyze segments, as far as there is consent."""
        every = self._that(declared.analyzes)
        return [a.spec.id for a in every if a.spec.consent in (None, *consents)]

    def reader_ids(self) -> list[str]:
        """Return the ids of those that need words and nothing else of a segment."""
        every = self._that(declared.analyzes)
        return [analyzer.spec.id for analyzer in every if analyzer.spec.needs == ("text",)]

    def rendition_kinds(self) -> set[str]:
        """Return the kinds of derived objects that analyzers of segments need."""
        needed = {kind for a in self._that(declared.analyzes) for kind in a.spec.needs}
        return needed - {"text"}

    def embedders(self, modality: str | None = None) -> list[BaseAnalyzer]:
        """Return those that make vectors, in the spaces of one modality or of all."""
        return [
            analyzer
            for analyzer in self._that(declared.embeds)
            if modality is None or analyzer.spec.emits[0].startswith(f"{modality}/")
        ]

    def writers(self, modality: str) -> list[BaseAnalyzer]:
        """Return the embedders of a modality that make new vectors."""
        return [a for a in self.embedders(modality) if a.spec.name not in self.retired]

    def of_pool(self, pool: str) -> list[BaseAnalyzer]:
        """Return those that run in one kind of child."""
        return [analyzer for analyzer in self.all if analyzer.spec.pool == pool]

    def _that(self, does: Callable[[BaseAnalyzer], bool]) -> Iterator[BaseAnalyzer]:
        return (analyzer for analyzer in self.all if does(analyzer))

    def _instance(self, entry: str) -> BaseAnalyzer:
        try:
            made = self._called(entry)
        except Exception as error:
            if entry not in self.origins:
                raise
            why = f"{type(error).__name__}: {error}"  # a plugin may raise anything
            raise Invalid(f"{self._origin(entry)} cannot be imported: {why}") from error
        if not isinstance(made, BaseAnalyzer):
            origin = self._origin(entry)
            raise Invalid(f"{origin} is no analyzer; subclass analyzers.api.BaseAnalyzer")
        if faults := declared.faults(made):
            raise Invalid(f"{self._origin(entry)} cannot be used: {'; '.join(faults)}")
        return made

    def _called(self, entry: str) -> object:
        module, _, name = entry.partition(":")
        name, _, model = name.partition("#")
        made = getattr(import_module(module), name)
        return made(self.store, self.store.get(model), self.runtime) if model else made()

    def _origin(self, entry: str) -> str:
        return f"{entry} (of {self.origins.get(entry, OURS)})"


def _entry_points(names: Sequence[str]) -> list[EntryPoint]:
    """Return the entry points of these names; raise Invalid for none or several of one."""
    installed = list(entry_points(group=GROUP))
    known = ", ".join(sorted({point.name for point in installed})) or "none"
    found: list[EntryPoint] = []
    for name in dict.fromkeys(names):
        points = {point.value: point for point in installed if point.name == name}
        if not points:
            raise Invalid(f"no analyzer {name} is installed; entry points of {GROUP}: {known}")
        if len(points) > 1:
            both = " and ".join(sorted(_distribution(point) for point in points.values()))
            raise Invalid(f"{both} both offer an analyzer {name}; uninstall one of them")
        found += points.values()
    return found


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown distribution"
