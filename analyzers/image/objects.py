"""Objects in pictures: each a region with its label, so that a word finds the place of a thing."""

from collections import Counter
from collections.abc import Mapping, Sequence

from analyzers.api import AnalysisResult, AnalyzerSpec, Cost, Segment, Text
from analyzers.image import boxes
from analyzers.image.detections import Detection
from analyzers.image.detector import SEGMENTS, Detector
from analyzers.models.manifest import Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from schemas.names import TextSource

MOST = 100
"""Objects kept of a picture; the models of the catalogue see at most 300."""


class ObjectsAnalyzer(Detector):
    """Finds things with a detector of the store, in pictures, scenes and pages."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        super().__init__(store, model, runtime)
        self.spec = AnalyzerSpec(  # type: ignore[misc]  # of the model, not of the class
            "objects",
            "1",
            segments=SEGMENTS,
            needs=("keyframe",),
            emits=("visual",),
            model=model.label,
            cost=Cost(0.5),
        )

    def find(
        self, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        found = self.detections(prepared)[:MOST]
        if not found:
            return None
        names = [self._objects.labels[thing.kind] for thing in found]
        counts = Counter(names)
        facts = {
            "labels": list(counts),
            "counts": {name.replace(" ", "_"): count for name, count in counts.items()},
        }
        sure = round(sum(thing.score for thing in found) / len(found), 3)
        return AnalysisResult(
            features={"visual": {"objects": facts}},
            confidence_scores={"visual": {"objects": sure}},
            segments=list(_regions(segment, found, names)),
            model=self._model.label,
        )


def _regions(segment: Segment, found: Sequence[Detection], names: Sequence[str]) -> list[Segment]:
    """Return the objects; the surest of a kind alone says its word, so that a crowd is one hit."""
    said: set[str] = set()
    regions = []
    for number, (thing, name) in enumerate(zip(found, names, strict=True)):
        sure = round(thing.score, 3)
        region = boxes.child(segment, "object", f"object-{number}", thing.box, sure)
        region.features = {"visual": {"object": {"label": name}}}
        if name not in said:
            region.texts.append(Text(TextSource.TAG, name, "en", sure))
            said.add(name)
        regions.append(region)
    return regions
