"""Faces in pictures: that there is one, and where; never whose.

It makes no vector and no template of a face, and keeps nothing by which one could be compared with
another. It runs only where the installation chooses a model and the tenant has consented.
"""

from collections.abc import Sequence
from typing import Any

from analyzers.api import Cost, Segment
from analyzers.image import boxes
from analyzers.image.detections import Detection
from analyzers.image.detector import Detector
from schemas.names import Consent


class FacesAnalyzer(Detector):
    """Finds faces with a detector of the store."""

    name = "faces"
    cost = Cost(0.05)
    consent = Consent.FACES
    most = 200

    def facts(self, found: Sequence[Detection]) -> dict[str, Any]:
        return {"count": len(found)}

    def regions(self, segment: Segment, found: Sequence[Detection]) -> list[Segment]:
        return [
            boxes.child(segment, "face", f"face-{number}", face.box, round(face.score, 3))
            for number, face in enumerate(found)
        ]
