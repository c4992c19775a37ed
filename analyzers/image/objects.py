"""Objects in pictures: each a region with its label, so that a word finds the place of a thing."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from analyzers.api import Cost, Segment, Text
from analyzers.image import boxes
from analyzers.image.detections import Detection
from analyzers.image.detector import Detector
from schemas.names import TextSource


class ObjectsAnalyzer(Detector):
    """Finds things with a detector of the store, in pictures, scenes and pages."""

    name = "objects"
    cost = Cost(0.5)
    most = 100  # of at most 300 that the models of the catalogue see

    def facts(self, found: Sequence[Detection]) -> dict[str, Any]:
        counts = Counter(map(self._label, found))
        return {
            "labels": list(counts),
            "counts": {label.replace(" ", "_"): count for label, count in counts.items()},
        }

    def regions(self, segment: Segment, found: Sequence[Detection]) -> list[Segment]:
        """Return the objects; the surest of a kind alone says its word: a crowd is one hit."""
        said: set[str] = set()
        regions = []
        for number, thing in enumerate(found):
            label, sure = self._label(thing), round(thing.score, 3)
            region = boxes.child(segment, "object", f"object-{number}", thing.box, sure)
            region.features = {"visual": {"object": {"label": label}}}
            if label not in said:
                region.texts.append(Text(TextSource.TAG, label, "en", sure))
                said.add(label)
            regions.append(region)
        return regions

    def _label(self, thing: Detection) -> str:
        return self._objects.labels[thing.kind]
