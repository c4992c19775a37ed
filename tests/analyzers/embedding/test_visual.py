"""The visual fallback: near pictures are near, colours can be asked for by name."""

import io
from collections.abc import Sequence

import pytest
from PIL import Image

from analyzers.api import Segment
from analyzers.embedding.visual import DIMENSIONS, SPACE, VisualFallback, of_image, of_words
from dataflux.errors import MediaFailed
from tests.analyzers.files import encoded, lettered


def cosine(one: Sequence[float] | None, other: Sequence[float] | None) -> float:
    assert one is not None
    assert other is not None
    return sum(a * b for a, b in zip(one, other, strict=True))


def sunset() -> Image.Image:
    image = Image.new("RGB", (300, 200), "#1a2a6c")
    image.paste("#ff7f27", (0, 90, 300, 200))
    image.paste("#ffe066", (40, 40, 90, 90))
    return image


@pytest.mark.parametrize("color", ["black", "white", "red", "#123456"])
def test_vectors_have_length_one(color: str) -> None:
    vector = of_image(Image.new("RGB", (64, 64), color))
    assert len(vector) == DIMENSIONS == 108
    assert cosine(vector, vector) == pytest.approx(1, abs=1e-5)


def test_a_scaled_copy_is_nearer_than_a_mirrored_one_and_another_picture() -> None:
    picture = of_image(sunset())
    copy = of_image(Image.open(io.BytesIO(encoded(sunset().resize((140, 100)), quality=50))))
    turned = of_image(sunset().rotate(180))
    page = of_image(lettered((300, 200), [(10, 10, 30, "text on white")]))
    assert cosine(picture, copy) > 0.97
    assert cosine(picture, copy) > cosine(picture, turned) + 0.05
    assert cosine(picture, turned) > cosine(picture, page)


@pytest.mark.parametrize("query", ["a red car", "rotes Auto", "ROT", "scarlet"])
def test_a_colour_is_found_by_its_name(query: str) -> None:
    red, blue = (of_image(Image.new("RGB", (50, 50), c)) for c in ("#d01515", "#1515d0"))
    asked = of_words(query)
    assert cosine(asked, red) > 0.8
    assert cosine(asked, blue) < 0.2


def test_brightness_can_be_asked_for() -> None:
    night, day = (of_image(Image.new("RGB", (50, 50), c)) for c in ("#101014", "#f0f0f0"))
    assert cosine(of_words("a dark room"), night) > 0 > cosine(of_words("a dark room"), day)
    assert cosine(of_words("ein heller Raum"), day) > 0


@pytest.mark.parametrize("query", ["a dog on the beach", "", "42", "bored tolerance"])
def test_words_without_colour_are_no_query(query: str) -> None:
    assert VisualFallback().embed_query(query) is None


def test_a_query_picture_lands_where_its_keyframe_does() -> None:
    analyzer = VisualFallback()
    analyzer.load()
    data = encoded(sunset())
    (embedding,) = analyzer.generate_embeddings(
        Segment("image", {}, {}, renditions={"keyframe": data})
    )
    asked = analyzer.embed_query(data)
    assert asked is not None
    assert (embedding.space, asked.space) == (SPACE, SPACE)
    assert asked.vector == embedding.vector
    assert analyzer.generate_embeddings(Segment("image", {}, {})) == []
    with pytest.raises(MediaFailed, match="unsupported_media_type"):
        analyzer.embed_query(b"no picture at all")


def test_calibration_separates_near_from_random() -> None:
    calibration = VisualFallback.calibration
    copy = cosine(of_image(sunset()), of_image(sunset().resize((150, 100))))
    assert (copy - calibration["mean"]) / calibration["sd"] > 1.9
    asked = VisualFallback.query_calibration
    orange = cosine(of_words("orange"), of_image(sunset()))
    assert orange > asked["match"] > asked["mean"] + asked["sd"]
