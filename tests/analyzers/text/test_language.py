"""Languages: by script where that decides, by the model where text suffices, else unknown."""

import pytest

from analyzers.api import Segment, Text
from analyzers.text.language import LanguageAnalyzer, detect


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The crane was repaired in spring and works every day.", "en"),
        ("Der Kran wurde im Frühjahr repariert und läuft jeden Tag.", "de"),
        ("La grue a été réparée au printemps et fonctionne.", "fr"),
        ("La grúa fue reparada en primavera y funciona.", "es"),
        ("Кран отремонтировали весной, и он работает каждый день.", "ru"),
        ("Кран відремонтували навесні, і він працює щодня.", "uk"),
        ("机器学习", "zh"),
        ("東京タワー", "ja"),
        ("안녕", "ko"),
        ("Σήμερα", "el"),
        ("สวัสดี", "th"),
        ("مرحبا بكم في هذا المكان الجميل", "ar"),
    ],
)
def test_tells_languages(text: str, code: str) -> None:
    found, confidence = detect(text)
    assert found == code
    assert 0.5 <= confidence <= 1


@pytest.mark.parametrize(
    "text", ["", "12.50 €", "Hotel", "SALE 50%", "Grand Hotel Budapest", "x y z"]
)
def test_does_not_guess(text: str) -> None:
    assert detect(text) == (None, 0.0)


def segment(*texts: Text) -> Segment:
    return Segment("scene", {}, {}, key="s", texts=list(texts))


def test_reports_the_language_most_of_the_text_is_in() -> None:
    found = LanguageAnalyzer().analyze_segment(
        segment(
            Text("on_screen", "Hotel", "fr"),
            Text("spoken", "Der Kran wurde im Frühjahr repariert.", "de"),
        ),
        {},
    )
    assert found is not None
    language = found.features["semantic"]["language"]
    assert language["code"] == "de"
    assert found.confidence_scores == {"semantic": {"language": language["confidence"]}}
    assert 0.5 < language["confidence"] <= 1


def test_says_nothing_where_it_does_not_know() -> None:
    analyzer = LanguageAnalyzer()
    assert analyzer.analyze_segment(segment(Text("written", "42")), {}) is None
    known = segment(Text("written", "Der Kran wurde im Frühjahr repariert."))
    assert analyzer.analyze_segment(known, {"semantic": 0}) is None
    assert analyzer.analyze_segment(known, {}) is not None
