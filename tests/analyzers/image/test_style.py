"""Kinds of pictures by prompts: the tiny dual encoder, asked about the shapes it knows."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from analyzers.api import AnalysisResult, Segment
from analyzers.image.style import GROUPS, SURE, StyleAnalyzer
from analyzers.models.brought import add, own
from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.runtime import Runtime
from tests.fixtures.models import TINY, picture_of
from tests.models.shapes import COLORS, SHAPES, Shown, drawn_from

SCALE = 12.0
"""The most likely of a few on 300 pictures of other seeds."""
PROMPTS = {
    "shape": {shape: (f"a {shape}", shape) for shape in SHAPES},
    "ground": {color: (f"a shape on {color}", f"on a {color} background") for color in COLORS},
}


@pytest.fixture(scope="module")
def style(tiny_store: ModelStore) -> StyleAnalyzer:
    model = tiny_store.get("tiny-dual").model_copy(update={"logit_scale": SCALE})
    return StyleAnalyzer(tiny_store, model, Runtime("cpu"), PROMPTS)


def analyzed(
    style: StyleAnalyzer, count: int, seed: int
) -> Iterator[tuple[Shown, AnalysisResult | None]]:
    rng = random.Random(seed)
    for at in range(count):
        drawn = drawn_from(rng)
        data = picture_of(str(drawn.color), str(drawn.shape), str(drawn.ground), seed + at)
        segment = Segment("image", {}, {}, key="s", renditions={"keyframe": data})
        yield drawn, style.analyze_segment(segment, {})


def test_it_says_what_it_is_and_as_surely_as_it_is_right(style: StyleAnalyzer) -> None:
    """On 150 unseen pictures: right where it says something, and its confidence is the share."""
    sure, right = [], []
    for drawn, found in analyzed(style, 150, 4_242):
        shape = found.features["style"].get("shape") if found else None
        if found and shape:
            sure.append(found.confidence_scores["style"]["shape"])
            right.append(shape["name"] == drawn.shape)
    bins = np.digitize(sure, np.linspace(SURE, 1, 6)[1:-1])
    off = np.array(right, float) - np.array(sure)
    apart = sum(abs(off[bins == at].sum()) for at in set(bins.tolist())) / len(sure)
    print(f"{len(sure)} of 150 named, {np.mean(right):.3f} right, calibration error {apart:.3f}")
    assert len(sure) > 120
    assert np.mean(right) > 0.9
    assert apart < 0.1


def test_what_it_says_is_a_fact_a_word_and_a_confidence(style: StyleAnalyzer) -> None:
    data = picture_of("red", "circle", "white", 3)
    segment = Segment("image", {}, {}, key="s", renditions={"keyframe": data})
    found = style.analyze_segment(segment, {})
    assert found is not None
    facts = found.features["style"]
    assert {group: fact["name"] for group, fact in facts.items()} == {
        "shape": "circle",
        "ground": "white",
    }
    assert {(text.source, text.body) for text in found.texts} == {
        ("tag", "circle"),
        ("tag", "white"),
    }
    assert sum(facts["shape"]["shares"].values()) == pytest.approx(1, abs=0.1)
    assert found.model == style.spec.model


def test_it_keeps_silent_where_nothing_stands_out(tiny_store: ModelStore) -> None:
    """With a scale of next to nothing all kinds are alike: no claim is made."""
    model = tiny_store.get("tiny-dual").model_copy(update={"logit_scale": 1e-3})
    unsure = StyleAnalyzer(tiny_store, model, Runtime("cpu"), PROMPTS)
    data = picture_of("red", "circle", "white", 3)
    segment = Segment("image", {}, {}, key="s", renditions={"keyframe": data})
    assert unsure.analyze_segment(segment, {}) is None


def test_it_is_there_only_with_an_encoder_that_says_its_scale(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = ModelStore(tmp_path_factory.mktemp("styled"))
    model = own("tiny-dual", TINY)

    def ids(visual: str = "auto") -> list[str]:
        return Registry.load(models=Selection(store, visual_model=visual)).analyzer_ids()

    assert "style@1" not in ids()
    add(store, model, TINY)
    assert "style@1" not in ids()
    add(store, model.model_copy(update={"logit_scale": SCALE}), TINY)
    assert "style@1" in ids()
    assert "style@1" not in ids("fallback")


def test_prompts_are_distinct_and_one_idea_each() -> None:
    every = [prompt for kinds in GROUPS.values() for ps in kinds.values() for prompt in ps]
    assert len(every) == len(set(every))
    assert all(len(kinds) >= 2 and all(kinds.values()) for kinds in GROUPS.values())
