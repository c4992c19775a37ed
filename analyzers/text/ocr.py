"""Text in pictures: blocks of lines as regions with their words, each line with its box.

A region holds the text, so that a phrase is found across its lines; its lines are children that
hold their words and boxes as features, so that a hit can be shown to the line. No word is stored
twice where words are searched.
"""

from collections.abc import Iterator, Mapping, Sequence

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment, Text
from analyzers.image import boxes
from analyzers.text import language, reader, regions
from analyzers.text.reader import Line
from analyzers.text.repeats import Repeats
from schemas.names import TextSource


class OcrAnalyzer(BaseAnalyzer):
    """Reads the keyframes of pictures and scenes."""

    spec = AnalyzerSpec(
        name="ocr",
        version="1",
        segments=("image", "scene"),
        needs=("keyframe",),
        emits=("semantic",),
        pool="ocr",
        model="rapidocr",
        cost=Cost(0.25),
    )

    def __init__(self) -> None:
        self.repeats = Repeats(reader.read)

    def load(self) -> None:
        language.load()
        reader.load()

    def analyze_segment(
        self, segment: Segment, priorities: Mapping[str, int]
    ) -> AnalysisResult | None:
        picture = segment.renditions.get(self.spec.needs[0])
        written = segment.type != "image" and any(  # what is written of a picture describes it
            text.source == TextSource.WRITTEN for text in segment.texts
        )
        if picture is None or written or priorities.get("semantic", 1) == 0:
            return None
        lines = self.repeats.lines(picture)
        return _result(segment, lines) if lines else None


class ScanAnalyzer(OcrAnalyzer):
    """Reads pages that are pictures: those of which a segmenter keeps a `scan` to be read."""

    spec = AnalyzerSpec(
        name="ocr-scan",
        version="1",
        segments=("page",),
        needs=("scan",),
        emits=("semantic",),
        pool="ocr",
        model="rapidocr",
        cost=Cost(0.25),
    )


def _result(segment: Segment, lines: Sequence[Line]) -> AnalysisResult:
    found = regions.blocks(lines)
    sure = round(regions.confidence(lines), 3)
    together = language.detect("\n".join(regions.body(block) for block in found))[0]
    facts = {
        "regions": len(found),
        "lines": len(lines),
        "characters": sum(len(line.text) for line in lines),
    }
    return AnalysisResult(
        features={"semantic": {"on_screen_text": facts}},
        confidence_scores={"semantic": {"on_screen_text": sure}},
        segments=[
            child
            for number, block in enumerate(found)
            for child in _children(segment, number, block, together)
        ],
        model=reader.model_name(),
    )


def _children(
    segment: Segment, number: int, block: Sequence[Line], default: str | None
) -> Iterator[Segment]:
    """Yield a region with its text, then its lines, whose parent it is."""
    body, sure, key = regions.body(block), round(regions.confidence(block), 3), f"region-{number}"
    region = boxes.child(segment, "region", key, regions.union(block), sure)
    spoken = language.detect(body)[0] or default
    region.texts.append(Text(TextSource.ON_SCREEN, body, spoken, sure))
    yield region
    for at, line in enumerate(block):
        score = round(line.score, 3)
        child = boxes.child(segment, "line", f"{key}-{at}", line.box, score, inside=key)
        child.features = {"semantic": {"line": {"text": line.text}}}
        yield child
