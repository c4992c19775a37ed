"""What kind of picture it is, by prompts against a dual encoder: no class was trained.

Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021: a kind
is the mean of its prompts' vectors, and kinds compete by their cosines times the scale that the
model was trained with. Without that scale a share would mean nothing, so nothing is claimed.
"""

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analyzers.api import AnalysisResult, AnalyzerSpec, Cost, Finder, Segment, Text
from analyzers.embedding.encoders import PictureEncoder
from analyzers.models.manifest import Model
from analyzers.models.store import ModelStore
from analyzers.runtime import Runtime
from schemas.names import TextSource

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

Groups = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By feature type, the kinds that compete, and the prompts of each."""

GROUPS: Groups = {
    "medium": {
        "photo": ("a photo", "a photograph taken with a camera"),
        "drawing": ("a pencil drawing", "a line drawing", "a sketch on paper"),
        "painting": ("an oil painting", "a watercolor painting", "a painting on canvas"),
        "screenshot": ("a screenshot of a computer program", "a screenshot of a website"),
        "diagram": ("a diagram", "a flow chart", "a technical schematic"),
        "chart": ("a bar chart", "a line graph with axes", "a plot of data"),
        "map": ("a map", "a street map", "a map of a country"),
        "document": ("a scanned page of text", "a photo of a printed document"),
        "poster": ("a poster", "an advertisement with large letters"),
        "comic": ("a comic strip", "a cartoon"),
        "rendering": ("a 3d rendering", "computer generated imagery"),
    },
    "setting": {
        "indoors": ("a picture taken indoors", "the inside of a room"),
        "outdoors": ("a picture taken outdoors", "a landscape under the sky"),
    },
}
SURE = 0.5
SHOWN = 0.02


class StyleAnalyzer(Finder):
    """Says of which kind a picture is, where one kind is more likely than all others together."""

    def __init__(
        self, store: ModelStore, model: Model, runtime: Runtime, groups: Groups = GROUPS
    ) -> None:
        assert model.logit_scale is not None
        self._encoder, self._scale = PictureEncoder(store, model, runtime), model.logit_scale
        self._groups, self._loading = groups, threading.Lock()
        self.spec = AnalyzerSpec(  # of the model, not of the class
            "style",
            "1",
            segments=("image", "scene"),
            needs=("keyframe",),
            emits=("style",),
            model=model.label,
            cost=Cost(0.1),
        )

    def load(self) -> None:
        self._encoder.load()

    def prepare(self, segment: Segment) -> bytes | None:
        return self._encoder.prepare(segment)

    def find(
        self, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        with self._loading:
            kinds = self._kinds
        (picture,) = self._encoder.encode([prepared])
        shares = {
            group: dict(
                zip(self._groups[group], _softmax(self._scale * vectors @ picture), strict=True)
            )
            for group, vectors in kinds.items()
        }
        best = {group: max(found, key=lambda name: found[name]) for group, found in shares.items()}
        sure = {group: name for group, name in best.items() if shares[group][name] >= SURE}
        if not sure:
            return None
        scores = {group: round(float(shares[group][name]), 3) for group, name in sure.items()}
        return AnalysisResult(
            features={"style": {g: _facts(name, shares[g]) for g, name in sure.items()}},
            confidence_scores={"style": scores},
            texts=[Text(TextSource.TAG, name, "en", scores[g]) for g, name in sure.items()],
            model=self.spec.model,
        )

    @cached_property
    def _kinds(self) -> dict[str, "Array"]:
        """The vectors of the kinds, by group: (kinds, dimensions)."""
        return {group: self._of(kinds) for group, kinds in self._groups.items()}

    def _of(self, kinds: Mapping[str, tuple[str, ...]]) -> "Array":
        import numpy as np

        means = [np.mean(self._encoder.encode_texts(prompts), axis=0) for prompts in kinds.values()]
        return np.stack([mean / np.linalg.norm(mean) for mean in means])


def _facts(name: str, shares: Mapping[str, float]) -> dict[str, Any]:
    shown = {kind: round(float(share), 3) for kind, share in shares.items() if share >= SHOWN}
    return {"name": name, "shares": shown}


def _softmax(values: "Array") -> "Array":
    import numpy as np

    raised = np.exp(values - values.max())
    found: Array = raised / raised.sum()
    return found
