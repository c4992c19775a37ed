"""Texts and queries meet in the same lexemes, whatever the script, the language or the reader."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.records.lexemes import LARGEST, lexemes
from stores.records.terms import MOST_TERMS, query_terms
from stores.records.tokens import tokens

_LEXEME = re.compile(r"'((?:[^'\\]|''|\\\\)*)':[\d,]+")


def _of(body: str, language: str | None = None, source: str = "written") -> set[str]:
    return set(_LEXEME.findall(lexemes(body, language, source)[0]))


def _finds(query: str, body: str, language: str | None = None, known: tuple[str, ...] = ()) -> bool:
    terms = query_terms(query, known).terms
    return bool(terms) and all(set(term.lexemes) & _of(body, language) for term in terms)


@pytest.mark.parametrize(
    ("query", "body", "language"),
    [
        ("pandas", "A red panda sleeps.", "en"),
        ("naive RESUME", "a naïve résumé", None),
        ("naïve", "naive approach", None),
        ("京都", "東京都庁", "ja"),
        ("京", "東京都庁", "ja"),
        ("ｆｕｌｌ", "full width", None),
        ("homme", "l'homme qui rit", "fr"),
        ("собаки", "собака лает", None),
        ("Äpfel", "zwei Äpfel", "de"),
        ("สวัสดี", "สวัสดีครับ", "th"),
        ("नमस्ते", "नमस्ते दुनिया", "hi"),
        ("running", "she runs", "de"),  # the language was guessed wrong
        ("information", "infor\u00admation", None),
    ],
)
def test_a_word_is_found(query: str, body: str, language: str | None) -> None:
    assert _finds(query, body, language)


def test_stems_of_a_language_are_found_when_the_collection_has_it() -> None:
    assert not _finds("Häuser", "ein Haus", "de")
    assert _finds("Häuser", "ein Haus", "de", ("de",))


@pytest.mark.parametrize(("query", "body"), [("cat", "concatenate"), ("京大", "東京 大阪")])
def test_parts_of_words_are_not_found(query: str, body: str) -> None:
    assert not _finds(query, body)


def test_words_are_counted_and_placed() -> None:
    vector, words = lexemes("one two one", None, "spoken")
    assert words == 3
    assert "'=one':1,3" in vector.split()


def test_only_text_on_screen_has_forms_for_misreading() -> None:
    assert not any(form[0] in "^#" for form in _of("hello world"))
    assert {"^hel", "#hllo"} <= _of("hello world", source="on_screen")


def test_a_phrase_is_the_words_in_order() -> None:
    assert query_terms('see "Red pandas" „schöne Tage“').phrases == (
        "'=red' <-> '=pandas'",
        "'=schone' <-> '=tage'",
    )


@pytest.mark.parametrize("query", ["", "  ", '""', '"', "?!…", "\x00", "\ud800"])
def test_a_query_without_words_has_no_terms(query: str) -> None:
    assert query_terms(query).terms == ()


def test_stop_words_go_first_when_there_are_too_many() -> None:
    query = query_terms("the of and in " + " ".join(f"word{n}" for n in range(16)))
    assert len(query.terms) == MOST_TERMS
    assert not any(term.common for term in query.terms)


def test_a_vast_body_stays_within_what_a_tsvector_holds() -> None:
    body = " ".join(f"{n:015x}" for n in range(10_000))
    assert len(lexemes(body, None, "on_screen")[0].encode()) < 2 * LARGEST
    assert lexemes("a " * 50_000, None, "spoken")[1] == 16_000


@given(st.text(), st.sampled_from(["written", "on_screen"]))
def test_any_text_finds_itself(body: str, source: str) -> None:
    vector, words = lexemes(body, None, source)
    assert words == len(list(tokens(body)))
    assert "\x00" not in vector
    found = _of(body, None, source)
    assert all(set(term.lexemes) <= found for term in query_terms(body.replace('"', " ")).terms)
