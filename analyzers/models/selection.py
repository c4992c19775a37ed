"""Which pulled models stand in for which of our analyzers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from analyzers.models.catalog import catalog
from analyzers.models.manifest import Kind, Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from dataflux.errors import Invalid

AUTO, FALLBACK, OFF = "auto", "fallback", "off"


@dataclass(frozen=True, slots=True)
class _Place:
    """An analyzer of ours that needs no model, and the one that takes its place with a model."""

    setting: str
    kind: Kind
    without: str
    fallback: str
    """The name of the one without a model."""
    with_model: str
    prefix: str
    """The names of those with a model begin with it."""


SPEECH = _Place(
    "speech_model",
    "speech",
    "analyzers.audio.speech:SpeechAnalyzer",
    "speech",
    "analyzers.audio.whisper:WhisperAnalyzer",
    "speech-",
)
PLACES = (
    _Place(
        "text_model",
        "text-encoder",
        "analyzers.embedding.words:TextFallback",
        "text-fallback",
        "analyzers.embedding.encoders:TextEncoder",
        "text-",
    ),
    _Place(
        "visual_model",
        "dual-encoder",
        "analyzers.embedding.visual:VisualFallback",
        "visual-fallback",
        "analyzers.embedding.encoders:PictureEncoder",
        "visual-",
    ),
)


@dataclass(frozen=True, slots=True)
class _Extra:
    """An analyzer that there is only with a model."""

    setting: str
    kind: Kind
    with_model: str


EXTRAS = (
    _Extra("object_model", "detector", "analyzers.image.objects:ObjectsAnalyzer"),
    _Extra("face_model", "face-detector", "analyzers.image.faces:FacesAnalyzer"),
)
STYLE = "analyzers.image.style:StyleAnalyzer"


@dataclass(frozen=True)
class Selection:
    """What the settings say of models; `auto` is the best that lies here, else the fallback."""

    store: ModelStore
    runtime: Runtime = field(default_factory=Runtime)
    text_model: str = AUTO
    visual_model: str = AUTO
    speech_model: str = AUTO
    object_model: str = AUTO
    face_model: str = OFF

    def applied(self, entries: Sequence[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        """Return the entries with those of models before what they replace, and who is retired.

        The retired make no new vectors. They stay, so that what they made before is still found
        until it has been made anew.
        """
        here = list(_preferred(self.store.all()))
        found, retired = list(entries), set()
        for place in PLACES:
            models = [model for model in here if model.kind == place.kind]
            chosen = self._chosen(place, models)
            at = found.index(place.without)
            found[at:at] = [f"{place.with_model}#{model.name}" for model in models]
            names = {place.fallback, *(place.prefix + model.name for model in models)}
            retired |= names - {chosen}
        recognizer = self._chosen(SPEECH, [model for model in here if model.kind == "speech"])
        if recognizer != SPEECH.fallback:  # one is enough
            name = recognizer.removeprefix(SPEECH.prefix)
            found[found.index(SPEECH.without)] = f"{SPEECH.with_model}#{name}"
        return (*found, *self._extra(here), *self._style(here)), frozenset(retired)

    def _style(self, here: Sequence[Model]) -> Iterator[str]:
        """Yield the entry of what asks the chosen encoder of pictures for their kind."""
        place = next(place for place in PLACES if place.kind == "dual-encoder")
        models = [model for model in here if model.kind == place.kind]
        chosen = self._chosen(place, models)
        for model in models:
            if chosen == place.prefix + model.name and model.logit_scale is not None:
                yield f"{STYLE}#{model.name}"

    def _extra(self, here: Sequence[Model]) -> Iterator[str]:
        """Yield the entries of what has no fallback: it is there with a model or not at all."""
        for extra in EXTRAS:
            wanted = getattr(self, extra.setting)
            names = [model.name for model in here if model.kind == extra.kind]
            if wanted not in (AUTO, OFF, *names):
                raise self._missing(extra.setting, wanted, extra.kind)
            if names and wanted != OFF:
                yield f"{extra.with_model}#{names[0] if wanted == AUTO else wanted}"

    def _chosen(self, place: _Place, models: Sequence[Model]) -> str:
        wanted = getattr(self, place.setting)
        names = [model.name for model in models]
        if wanted == FALLBACK or (wanted == AUTO and not names):
            return place.fallback
        if wanted == AUTO:
            return place.prefix + names[0]
        if wanted not in names:
            raise self._missing(place.setting, wanted, place.kind)
        return place.prefix + str(wanted)

    def _missing(self, setting: str, wanted: str, kind: Kind) -> Invalid:
        return Invalid(
            f"DATAFLUX_{setting.upper()} is {wanted!r}, no {kind} in {self.store.folder};"
            f" run `dataflux models pull {wanted}`"
        )


def _preferred(here: dict[str, Model]) -> Iterator[Model]:
    """Yield models of your own first, then those of the catalogue in its order."""
    yield from (model for name, model in here.items() if name not in catalog())
    yield from (here[name] for name in catalog() if name in here)
