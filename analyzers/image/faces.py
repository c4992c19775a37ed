"""Faces in pictures: that there is one, and where; never whose.

It makes no vector and no template of a face, and keeps nothing by which one could be compared with
another. It runs only where the installation chooses a model and the tenant has consented.
"""

from collections.abc import Mapping

from analyzers.api import AnalysisResult, AnalyzerSpec, Cost, Segment
from analyzers.image import boxes
from analyzers.image.detector import SEGMENTS, Detector
from analyzers.models.manifest import Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from schemas.names import Consent

MOST = 200


class FacesAnalyzer(Detector):
    """Finds faces with a detector of the store."""

    def __init__(self, store: ModelStore, model: Model, runtime: Runtime) -> None:
        super().__init__(store, model, runtime)
        self.spec = AnalyzerSpec(  # type: ignore[misc]  # of the model, not of the class
            "faces",
            "1",
            segments=SEGMENTS,
            needs=("keyframe",),
            emits=("visual",),
            model=model.label,
            cost=Cost(0.05),
            consent=Consent.FACES,
        )

    def find(
        self, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        found = self.detections(prepared)[:MOST]
        if not found:
            return None
        sure = round(sum(face.score for face in found) / len(found), 3)
        return AnalysisResult(
            features={"visual": {"faces": {"count": len(found)}}},
            confidence_scores={"visual": {"faces": sure}},
            segments=[
                boxes.child(segment, "face", f"face-{number}", face.box, round(face.score, 3))
                for number, face in enumerate(found)
            ],
            model=self._model.label,
        )
