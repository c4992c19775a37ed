"""Keywords, mentions, names and sentiment: what is found, in which form, and what is left out."""

import pytest

from analyzers.api import Segment, Text
from analyzers.text import keywords, mentions, names, sentiment
from dataflux.errors import MediaFailed

REPORT = (
    "The copper heat exchanger of the Kestrel turbine must be flushed with fresh water every "
    "spring. In 1961 the heat exchanger was replaced by Siemens AG, which the port authority of "
    "Rotterdam paid for. Since then Angela Visser of the port office has inspected the turbine "
    "each year, and the heat exchanger has never failed."
)


def paragraph(body: str, language: str | None = "en") -> Segment:
    return Segment("paragraph", {}, {}, key="p", texts=[Text("written", body, language)])


# --- keywords -------------------------------------------------------------------------------------


def test_keywords_say_what_a_text_is_about() -> None:
    found = keywords.keywords(REPORT, "en")
    assert "heat exchanger" in " ".join(found[:3])
    assert any("Kestrel" in phrase for phrase in found[:4])
    assert not {"the", "of", "which"} & {phrase.casefold() for phrase in found}
    assert len(found) <= keywords.MOST


def test_keywords_do_not_repeat_themselves() -> None:
    found = [phrase.casefold() for phrase in keywords.keywords(REPORT, "en")]
    assert "heat exchangers" not in found
    assert len(set(found)) == len(found)


def test_keywords_know_the_small_words_of_other_languages() -> None:
    text = "Der Kran am alten Hafen wurde im Frühjahr repariert und der Kran läuft seitdem. " * 3
    found = keywords.keywords(text, "de")
    assert any("Kran" in phrase for phrase in found)
    assert not {"der", "und", "im"} & {word.casefold() for p in found for word in p.split()}


@pytest.mark.parametrize(
    ("body", "language"), [("Too short to be about anything.", "en"), (REPORT, None), ("", "en")]
)
def test_no_keywords_of_what_is_short_or_in_no_known_language(
    body: str, language: str | None
) -> None:
    assert keywords.keywords(body, language) == []


# --- mentions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("on 12 May 1961, not 31 February 1999", ["1961-05-12"]),
        ("May 3rd, 2004 and 2004-05-03", ["2004-05-03", "2004-05-03"]),
        ("am 3. März 2004, im Januar 1931", ["2004-03-03", "1931-01"]),
        ("le 1er mai 2005; el 5 de junio de 2010", ["2005-05-01", "2010-06-05"]),
        ("03.04.2020 but 3/4/2020 is anybody's guess", ["2020-04-03"]),
        ("version 12.5.2011.4 of 1961", []),
    ],
)
def test_dates_have_one_form(text: str, found: list[str]) -> None:
    assert list(mentions.dates(text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it cost $3.5 million", ["3500000 USD"]),
        ("EUR 1,250,000.50 or 1.250.000,50 €", ["1250000.50 EUR", "1250000.50 EUR"]),
        ("20 000 euros", ["20000 EUR"]),
        ("2,5 Mrd. EUR", ["2500000000 EUR"]),
        ("£99.95 and 1'000 CHF", ["99.95 GBP", "1000 CHF"]),
        ("in 1961, 120 ships and 5 m of rope", []),
    ],
)
def test_amounts_have_one_form(text: str, found: list[str]) -> None:
    assert list(mentions.amounts(text)) == found


def test_addresses_end_where_the_sentence_goes_on() -> None:
    text = "Write to ann.b@port.example.org. See https://example.org/a?b=c#d, or (www.example.org)."
    assert mentions.mentions(text) == {
        "emails": ["ann.b@port.example.org"],
        "urls": ["https://example.org/a?b=c#d", "www.example.org"],
    }


@pytest.mark.parametrize("text", ["1" * 50_000, "a@" * 20_000, "May " * 20_000, "$1,111" * 9_000])
def test_hostile_text_takes_no_time(text: str) -> None:
    import time

    start = time.process_time()
    mentions.mentions(text)
    assert time.process_time() - start < 3


# --- names ----------------------------------------------------------------------------------------


def test_names_are_told_by_kind() -> None:
    assert names.names(REPORT)["organisations"] == ["Siemens AG"]
    assert "Angela Visser" in names.names(REPORT)["persons"]
    assert names.names("She left Paris for Turkey's coast.") == {"places": ["Paris", "Turkey"]}


def test_names_are_looked_for_in_english_only() -> None:
    analyzer = names.NamesAnalyzer()
    assert analyzer.analyze_segment(paragraph(REPORT, "de"), {}) is None
    result = analyzer.analyze_segment(paragraph(REPORT), {})
    assert result is not None
    assert result.model == names.MODEL


def test_another_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "SHA256", "0" * 64)
    names._model.cache_clear()
    with pytest.raises(MediaFailed, match="not the model"):
        names.names(REPORT)
    monkeypatch.undo()
    names._model.cache_clear()


# --- sentiment ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ("What a wonderful concert, everybody loved it.", "positive"),
        ("The terrible flood killed two people and destroyed the bridge.", "negative"),
    ],
)
def test_sentiment_has_a_side(body: str, label: str) -> None:
    result = sentiment.SentimentAnalyzer().analyze_segment(paragraph(body), {})
    assert result is not None
    found = result.features["semantic"]["sentiment"]
    assert found["label"] == label
    assert 0.5 < result.confidence_scores["semantic"]["sentiment"] <= 0.8


@pytest.mark.parametrize(
    ("body", "language"),
    [("The valve is on the left of the pump.", "en"), ("Ein wunderbares Konzert!", "de")],
)
def test_no_sentiment_where_nothing_is_felt_or_understood(body: str, language: str) -> None:
    assert sentiment.SentimentAnalyzer().analyze_segment(paragraph(body, language), {}) is None


@pytest.mark.parametrize(
    "analyzer",
    [
        keywords.KeywordsAnalyzer(),
        mentions.MentionsAnalyzer(),
        names.NamesAnalyzer(),
        sentiment.SentimentAnalyzer(),
    ],
)
def test_finds_nothing_that_is_not_wanted(
    analyzer: keywords.KeywordsAnalyzer,
) -> None:
    body = f"{REPORT} A wonderful machine, bought on 12 May 1961."
    assert analyzer.analyze_segment(paragraph(body), {"semantic": 0}) is None
    assert analyzer.analyze_segment(paragraph(body), {}) is not None
