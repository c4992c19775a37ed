"""Chapters come from the words alone."""

import random

from analyzers.text.chapters import Spoken, chapters, cheapest

SEA = "harbour ship captain sailor anchor tide wave storm lighthouse deck mast rope"
BREAD = "flour dough oven yeast baker crust butter salt kneading loaf sourdough crumb"
STARS = "telescope planet orbit galaxy comet astronomer lens eclipse moon spectrum dust"


def talk(*topics: str, each_s: float = 240.0, step_s: float = 6.0) -> list[Spoken]:
    """Return utterances of twelve words, each topic for some minutes."""
    chosen = random.Random(3)
    spoken, at = [], 0.0
    for topic in topics:
        for _ in range(int(each_s / step_s)):
            words = [chosen.choice(topic.split()) for _ in range(8)]
            spoken.append(Spoken(at, at + step_s - 0.5, "and so " + " the ".join(words)))
            at += step_s
    return spoken


def test_a_chapter_begins_where_the_words_change() -> None:
    found = chapters(talk(SEA, BREAD, STARS), "en")
    assert [round(chapter.start / 60) for chapter in found] == [0, 4, 8]
    assert [chapter.end for chapter in found][-1] == talk(SEA, BREAD, STARS)[-1].end
    for chapter, topic in zip(found, (SEA, BREAD, STARS), strict=True):
        assert set(chapter.words) <= set(topic.split())
        assert len(chapter.words) == 5


def test_what_is_about_one_thing_has_no_chapters() -> None:
    assert chapters(talk(SEA, each_s=900), "en") == []


def test_no_chapters_of_little_or_of_a_language_without_stop_words() -> None:
    assert chapters(talk(SEA, BREAD, each_s=30), "en") == []
    assert chapters(talk(SEA, BREAD), None) == []
    assert chapters(talk(SEA, BREAD), "xx") == []
    assert chapters([], "en") == []


def test_no_chapter_is_shorter_than_a_minute() -> None:
    found = chapters(talk(SEA, BREAD, SEA, BREAD, STARS, SEA, each_s=40), "en")
    assert all(chapter.end - chapter.start >= 50 for chapter in found)


def test_many_chapters() -> None:
    spoken = talk(*(SEA, BREAD, STARS) * 6, each_s=300)
    found = chapters(spoken, "en")
    assert len(found) == 18


def test_the_cheapest_path_of_single_units() -> None:
    units = [SEA.split()] * 6 + [BREAD.split()] * 6
    assert cheapest(units) == [0, 6, 12]
