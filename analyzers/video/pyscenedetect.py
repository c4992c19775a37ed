"""The detectors of PySceneDetect in place of ours: the same pieces, stills and joints."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analyzers.api import AnalyzerSpec, Cost
from analyzers.video.changes import Change
from analyzers.video.cuts import Marked
from analyzers.video.frames import Picture, rate_of
from analyzers.video.reel import Reel
from analyzers.video.segmenter import VideoSegmenter

DETECTORS = {
    "content": "ContentDetector",
    "adaptive": "AdaptiveDetector",
    "histogram": "HistogramDetector",
    "hash": "HashDetector",
}
"""By the names that settings use. The threshold detector is left out: it finds fades only."""
WIDTH = 256
"""PySceneDetect shrinks pictures to about that width before it compares them."""


class PySceneDetectSegmenter(VideoSegmenter):
    """Videos, cut where a detector of PySceneDetect, with its own defaults, says so."""

    spec = AnalyzerSpec(
        "pyscenedetect",
        "1",
        formats=VideoSegmenter.spec.formats,
        emits=VideoSegmenter.spec.emits,
        cost=Cost(0.4, "second"),
        model=VideoSegmenter.spec.model,
    )

    def load(self) -> None:
        super().load()
        for name in DETECTORS:
            _detector(name)

    def marked(self, reel: Reel, config: Mapping[str, Any]) -> tuple[str, Marked]:
        name = config.get("scenes", "content")
        watch = _Watch(_detector(name), rate_of(reel.stream))
        return name, watch.marked(reel.looked_at(watch.watched(reel.pictures())))


def _detector(name: str) -> Any:
    import scenedetect.detectors

    return getattr(scenedetect.detectors, DETECTORS[name])()


class _Watch:
    """Shows a detector every frame, before it is let go, and waits for what it says of it."""

    def __init__(self, detector: Any, rate: float) -> None:
        self._detector, self._rate = detector, rate
        self._found: set[int] = set()

    def watched(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        from av.video.reformatter import VideoReformatter
        from scenedetect import FrameTimecode

        scaler: Any = VideoReformatter()
        at: Any = None
        for number, picture in enumerate(pictures):
            at = FrameTimecode(number, self._rate)
            self._note(self._detector.process_frame(at, _bgr(scaler, picture.frame)))
            yield picture
        if at is not None:
            self._note(self._detector.post_process(at))

    def marked(self, pictures: Iterable[Picture]) -> Marked:
        held: deque[tuple[int, Picture]] = deque()
        for numbered in enumerate(pictures):
            held.append(numbered)
            if len(held) > self._detector.event_buffer_length + 1:
                number, picture = held.popleft()
                yield picture, self._change(number)
        for number, picture in held:
            yield picture, self._change(number)

    def _change(self, number: int) -> Change | None:
        if number == 0:
            return Change.START
        return Change.UNTOLD if number in self._found else None

    def _note(self, cuts: Iterable[Any]) -> None:
        self._found |= {cut.frame_num for cut in cuts}


def _bgr(scaler: Any, frame: Any) -> Any:
    width = min(WIDTH, frame.width)
    height = max(1, round(frame.height * width / frame.width))
    small = scaler.reformat(frame, width, height, "bgr24", interpolation="BILINEAR", threads=1)
    return small.to_ndarray()
