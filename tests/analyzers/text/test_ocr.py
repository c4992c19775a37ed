"""Recognition: rendered text comes back letter by letter, with its box."""

from types import SimpleNamespace

import pytest
from PIL import Image

from analyzers.api import AnalysisResult, Segment, Text
from analyzers.document.segmenter import DocumentSegmenter
from analyzers.text import reader
from analyzers.text.ocr import OcrAnalyzer, ScanAnalyzer
from tests.analyzers.files import encoded, extracted, lettered, pdf

REPORT = [
    (60, 50, 52, "Quarterly revenue report"),
    (60, 140, 28, "Sales grew by nine percent"),
    (60, 178, 28, "in the northern region."),
    (700, 560, 30, "Invoice 4711-A"),
]


@pytest.fixture(scope="module")
def ocr() -> OcrAnalyzer:
    made = OcrAnalyzer()
    made.load()
    return made


def read(analyzer: OcrAnalyzer, image: Image.Image, **marker: object) -> AnalysisResult | None:
    segment = Segment("scene", dict(marker), dict(marker), key="s")
    segment.renditions = {"keyframe": encoded(image, quality=90)}
    return analyzer.analyze_segment(segment, {})


def test_reads_every_letter_and_places_it(ocr: OcrAnalyzer) -> None:
    found = read(ocr, lettered((1280, 720), REPORT), time=12.5)
    assert found is not None
    regions = [s for s in found.segments if s.type == "region"]
    lines = [s for s in found.segments if s.type == "line"]
    assert [t.body for r in regions for t in r.texts] == [
        "Quarterly revenue report",
        "Sales grew by nine percent\nin the northern region.",
        "Invoice 4711-A",
    ]
    assert [s.features["semantic"]["line"]["text"] for s in lines] == [text for *_, text in REPORT]
    assert not any(s.texts for s in lines)
    assert {r.parent for r in regions} == {"s"}
    assert {s.parent for s in lines} == {r.key for r in regions}
    left, top, width, height = lines[3].start_marker["xywh"]
    assert left == pytest.approx(100 * 700 / 1280, abs=1)
    assert top < 100 * 568 / 720 < top + height
    assert 10 < width < 25
    assert {s.start_marker["time"] for s in found.segments} == {12.5}
    text = regions[1].texts[0]
    assert (text.source, text.language) == ("on_screen", "en")
    assert text.confidence is not None
    assert text.confidence > 0.9
    assert found.features["semantic"]["on_screen_text"]["lines"] == 4
    assert found.model is not None
    assert found.model.startswith("rapidocr-")


def test_reads_small_pictures_and_turned_ones(ocr: OcrAnalyzer) -> None:
    picture = lettered((640, 200), [(40, 60, 44, "Turn me around")])
    for image in (picture.resize((320, 100)), picture.rotate(90, expand=True)):
        found = read(ocr, image)
        assert found is not None
        assert [t.body for s in found.segments for t in s.texts] == ["Turn me around"]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_is_turned_is_read_in_its_order(ocr: OcrAnalyzer, turn: int) -> None:
    """The words come as on the upright page; the boxes lie where they are in the turned one."""
    upright = lettered((900, 500), [(60, 40, 44, "The first line"), (60, 110, 44, "and the next"),
                                    (480, 380, 44, "apart below")])  # fmt: skip
    found = read(ocr, upright.rotate(turn, expand=True))
    assert found is not None
    regions = [s for s in found.segments if s.type == "region"]
    assert [t.body for r in regions for t in r.texts] == [
        "The first line\nand the next",
        "apart below",
    ]
    left, top, width, height = regions[1].start_marker["xywh"]
    x, y = 100 * 600 / 900, 100 * 402 / 500  # a point in "apart below"
    where = {90: (y, 100 - x), 180: (100 - x, 100 - y), 270: (100 - y, x)}[turn]
    assert left < where[0] < left + width
    assert top < where[1] < top + height


@pytest.mark.parametrize("degrees", [4, -6])
def test_a_page_that_lies_askew_is_read(ocr: OcrAnalyzer, degrees: int) -> None:
    picture = lettered((900, 400), [(100, 120, 44, "A photo of a sign"), (100, 200, 44, "by hand")])
    found = read(ocr, picture.rotate(degrees, fillcolor="white"))
    assert found is not None
    assert [t.body for s in found.segments for t in s.texts] == ["A photo of a sign\nby hand"]


@pytest.mark.parametrize("make", ["plain", "noise"])
def test_a_picture_without_text_has_none(ocr: OcrAnalyzer, make: str) -> None:
    image = Image.new("RGB", (640, 360), "teal")
    if make == "noise":
        image = Image.effect_noise((640, 360), 60).convert("RGB")
    assert read(ocr, image) is None


def test_looks_before_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    def engine(pixels: object) -> None:
        raise AssertionError("the recognizer was asked")

    def gate(pixels: object) -> SimpleNamespace:
        return SimpleNamespace(scores=[reader.GATE_SCORE - 0.01])

    monkeypatch.setattr(reader, "_engine", lambda: (engine, gate))
    assert reader.read(encoded(Image.new("RGB", (64, 64)))) == []


def test_does_not_read_what_was_written(ocr: OcrAnalyzer) -> None:
    data = encoded(lettered((640, 200), [(40, 60, 44, "Written here")]))
    segment = Segment("scene", {}, {}, key="s", texts=[Text("written", "Written here")])
    segment.renditions = {"keyframe": data}
    assert ocr.analyze_segment(segment, {}) is None
    segment.texts.clear()
    assert ocr.analyze_segment(segment, {"semantic": 0}) is None
    assert ocr.analyze_segment(segment, {}) is not None


def test_reads_scanned_pages_but_not_those_with_a_text_layer(
    ocr: OcrAnalyzer, documents: DocumentSegmenter
) -> None:
    scan = lettered((1240, 1754), [(150, 200, 32, "Minutes of the meeting in May")])
    (page,), artifacts = extracted(documents, encoded(scan, "PDF", resolution=150))
    page.renditions = {a.kind: a.data for a in artifacts}
    found = ScanAnalyzer().analyze_segment(page, {})
    assert found is not None
    (region,) = [s for s in found.segments if s.type == "region"]
    assert region.texts[0].body == "Minutes of the meeting in May"
    assert region.start_marker["page"] == 1
    assert region.start_marker["xywh"][0] == pytest.approx(100 * 150 / 1240, abs=1)

    segments, artifacts = extracted(documents, pdf([[(72, 700, 12, "This page has letters")]]))
    segments[0].renditions = {a.kind: a.data for a in artifacts}
    assert ScanAnalyzer().analyze_segment(segments[0], {}) is None
