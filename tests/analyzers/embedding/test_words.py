"""The text fallback: shared words are near, whatever their form or order; it never guesses."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.api import Segment, Text
from analyzers.embedding.words import DIMENSIONS, SPACE, TextFallback, embed


def cosine(one: Sequence[float] | None, other: Sequence[float] | None) -> float:
    assert one is not None
    assert other is not None
    return sum(a * b for a, b in zip(one, other, strict=True))


CRANE = "The harbour crane was repaired in spring."


@pytest.mark.parametrize(
    ("near", "far"),
    [
        ("repairing the cranes of the harbour", "The bakery was opened in autumn."),
        ("harbor crane", "violin lessons"),
        ("CRANE, harbour; spring", "the was in"),
    ],
)
def test_shared_words_are_nearer(near: str, far: str) -> None:
    assert cosine(embed(CRANE), embed(near)) > cosine(embed(CRANE), embed(far)) + 0.15


def test_chinese_and_umlauts() -> None:
    assert cosine(embed("机器学习很有趣"), embed("机器学习")) > 0.5
    assert cosine(embed("Größe"), embed("GRÖSSE")) == pytest.approx(1, abs=1e-5)
    assert cosine(embed("ﬁle"), embed("file")) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("text", ["", "  \n", "!?", "…"])
def test_no_words_no_vector(text: str) -> None:
    assert embed(text) is None
    assert TextFallback().embed_query(text) is None


@given(st.text(max_size=300))
def test_any_text_gives_length_one_or_nothing(text: str) -> None:
    vector = embed(text)
    if vector is not None:
        assert len(vector) == DIMENSIONS
        assert cosine(vector, vector) == pytest.approx(1, abs=1e-4)


def test_segments_and_queries_share_a_space() -> None:
    analyzer = TextFallback()
    texts = [Text("written", "harbour crane"), Text("spoken", "repaired in spring")]
    (embedding,) = analyzer.generate_embeddings(Segment("scene", {}, {}, texts=texts))
    asked = analyzer.embed_query("crane")
    assert asked is not None
    assert (embedding.space, asked.space) == (SPACE, SPACE)
    calibration = TextFallback.query_calibration
    assert (cosine(asked.vector, embedding.vector) - calibration["mean"]) / calibration["sd"] > 3
    assert analyzer.embed_query(b"\xff\xd8\xff") is None


def test_another_process_computes_the_same_vector() -> None:
    code = "from analyzers.embedding.words import embed; print(embed('harbour crane')[:40])"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
