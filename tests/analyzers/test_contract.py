"""Our own analyzers keep the contract that plugins are held to."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from analyzers.api import Segment, Text
from analyzers.audio.speech import samples_of
from analyzers.audio.timeline import flac
from analyzers.contract import EmbedderContract, FeatureContract, SegmenterContract
from analyzers.registry import BUILT_IN, Registry
from analyzers.sandbox import Sandbox
from tests.analyzers.files import docx, encoded, lettered, pdf
from tests.analyzers.video.films import film, scenes
from tests.zygotes import zygotes

SPEECH = Path(__file__).parents[1] / "media/jfk.flac"
RATE = 16_000
WORDS = "The crane was repaired in spring and has been running every day since then."


@pytest.fixture(scope="module")
def ours() -> Iterator[Sandbox]:
    made = Sandbox(Registry())
    yield made
    made.close()


@cache
def speech(seconds: int) -> bytes:
    return flac(samples_of(SPEECH.read_bytes())[: seconds * RATE])


@cache
def two_scenes() -> bytes:
    return film(scenes(15, 15))


class Ours:
    """All of ours share one sandbox: loading models takes seconds."""

    @pytest.fixture
    def sandbox(self, ours: Sandbox) -> Sandbox:
        return ours


def picture(kind: str, rendition: str) -> Segment:
    data = encoded(lettered((400, 200), [(20, 60, 40, "Sealed words")]))
    return Segment(kind, {}, {}, key="picture", renditions={rendition: data})


def paragraph(body: str, key: str = "paragraph") -> Segment:
    return Segment("paragraph", {"page": 1}, {"page": 1}, key=key, texts=[Text("written", body)])


class TestVideo(Ours, SegmenterContract):
    entry = "analyzers.video.segmenter:VideoSegmenter"

    @pytest.fixture
    def sample(self) -> bytes:
        return two_scenes()


class TestPySceneDetect(TestVideo):
    entry = "analyzers.video.pyscenedetect:PySceneDetectSegmenter"

    @pytest.fixture
    def sandbox(self) -> Iterator[Sandbox]:
        made = Sandbox(Registry((self.entry,)))
        yield made
        made.close()


class TestAudio(Ours, SegmenterContract):
    entry = "analyzers.audio.segmenter:AudioSegmenter"

    @pytest.fixture
    def sample(self) -> bytes:
        return speech(3)


class TestImage(Ours, SegmenterContract):
    entry = "analyzers.image.segmenter:ImageSegmenter"

    @pytest.fixture
    def sample(self) -> bytes:
        return encoded(lettered((400, 200), [(20, 60, 40, "Sealed words")]))


class TestPdf(Ours, SegmenterContract):
    entry = "analyzers.document.segmenter:DocumentSegmenter"

    @pytest.fixture
    def sample(self) -> bytes:
        return pdf([[(72, 700, 12, WORDS)], []])


class TestDocx(TestPdf):
    @pytest.fixture
    def sample(self) -> bytes:
        return docx()


class TestOcr(Ours, FeatureContract):
    entry = "analyzers.text.ocr:OcrAnalyzer"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [picture("image", "keyframe")]


class TestScan(Ours, FeatureContract):
    entry = "analyzers.text.ocr:ScanAnalyzer"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [picture("page", "scan")]


class TestAppearance(Ours, FeatureContract):
    entry = "analyzers.image.appearance:AppearanceAnalyzer"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [picture("image", "keyframe")]


class TestLanguage(Ours, FeatureContract):
    entry = "analyzers.text.language:LanguageAnalyzer"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [paragraph(WORDS)]


REPORT = f"{WORDS} Angela Visser of Siemens AG likes it. It cost $3 million on 12 May 1961."


class TestKeywords(Ours, FeatureContract):
    entry = "analyzers.text.keywords:KeywordsAnalyzer"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [paragraph(REPORT)]


class TestMentions(TestKeywords):
    entry = "analyzers.text.mentions:MentionsAnalyzer"


class TestNames(TestKeywords):
    entry = "analyzers.text.names:NamesAnalyzer"


class TestSentiment(TestKeywords):
    entry = "analyzers.text.sentiment:SentimentAnalyzer"


class TestSpeech(Ours, FeatureContract):
    entry = "analyzers.audio.speech:SpeechAnalyzer"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        sound = {"speech": speech(3)}
        return [Segment("utterance", {"time": 0.0}, {"time": 3.0}, key="u", renditions=sound)]


class TestVisualFallback(Ours, EmbedderContract):
    entry = "analyzers.embedding.visual:VisualFallback"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [picture("image", "keyframe")]


class TestTextFallback(Ours, EmbedderContract):
    entry = "analyzers.embedding.words:TextFallback"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [paragraph(WORDS, "a"), paragraph("Something else entirely", "b")]


def test_none_of_ours_is_left_out() -> None:
    tested = {value.entry for value in globals().values() if hasattr(value, "entry")}
    assert tested >= set(BUILT_IN)


def test_what_forks_has_one_thread(ours: Sandbox) -> None:
    """Locks that another thread holds stay locked in a child; some libraries start one unasked."""
    ours.warm("media", "ocr", "speech")
    found = zygotes()
    assert len(found) >= 3
    assert {zygote.num_threads() for zygote in found} == {1}
