"""An equal picture is read once, another one never for it."""

import io

from PIL import Image, ImageDraw, ImageFont

from analyzers.text.reader import Line
from analyzers.text.repeats import Repeats


def slide(*words: str, quality: int = 82, size: int = 24) -> bytes:
    image = Image.new("RGB", (1280, 720), (240, 240, 230))
    draw = ImageDraw.Draw(image)
    for number, text in enumerate(words):
        place = (100, 100 + 90 * number)
        draw.text(place, text, fill="black", font=ImageFont.load_default(size))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def read_of(*pictures: bytes) -> tuple[list[str], int]:
    """Return what is said to be in each picture, and how many were read."""
    read: list[bytes] = []

    def reader(picture: bytes) -> list[Line]:
        read.append(picture)
        return [Line(str(len(read)), 1.0, (0, 0, 1, 1))]

    repeats = Repeats(reader)
    return [repeats.lines(picture)[0].text for picture in pictures], len(read)


def test_a_slide_that_comes_back_is_read_once() -> None:
    one, other = slide("Revenue 2024", "up by 5 %"), slide("Costs 2024", "down by 3 %")
    again = slide("Revenue 2024", "up by 5 %", quality=75)
    assert read_of(one, other, again, one) == (["1", "2", "1", "1"], 2)


def test_one_letter_more_is_another_picture() -> None:
    pictures = [
        slide("Total 2024 was 118"),
        slide("Total 2024 was 119"),
        slide("Total 2024 was 11"),
    ]
    assert read_of(*pictures)[1] == 3


def test_small_letters_too() -> None:
    assert read_of(slide("Chapter 7", size=14), slide("Chapter 1", size=14))[1] == 2


def test_a_blank_picture_is_no_text() -> None:
    assert read_of(slide(), slide("x"))[1] == 2
