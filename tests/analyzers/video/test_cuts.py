"""What is a cut, a dissolve or a fade, and what only looks like one: on tiny pictures."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from analyzers.video import cuts
from analyzers.video.changes import Change
from analyzers.video.frames import Picture, Still
from analyzers.video.samples import HEIGHT, LUMA, WIDTH

RATE = 25.0
Planes = np.ndarray[Any, np.dtype[np.uint8]]


def look(seed: int, light: float = 110.0) -> Planes:
    """Return a picture of soft shapes; each seed has its own."""
    chance = np.random.default_rng(seed)
    coarse = chance.normal(light, 35, (6, 8))
    luma = np.kron(coarse, np.ones((HEIGHT // 6, WIDTH // 8))).ravel()
    colors = np.repeat(chance.uniform(90, 160, 2), LUMA // 4)
    bounded: Planes = np.clip(np.concatenate([luma, colors]), 16, 235).astype(np.uint8)
    return bounded


def grain(pictures: Iterable[Planes]) -> list[Planes]:
    chance = np.random.default_rng(9)
    return [np.clip(p + chance.integers(-3, 4, len(p)), 0, 255).astype(np.uint8) for p in pictures]


def blend(before: Planes, after: Planes, count: int) -> list[Planes]:
    shares = ((n + 0.5) / count for n in range(count))
    return [(before * (1 - s) + after * s).astype(np.uint8) for s in shares]


def changes(smalls: list[Planes], times: list[float] | None = None) -> dict[int, Change]:
    """Return what happens in which picture, but the start."""
    at = times or [n / RATE for n in range(len(smalls))]
    read = [
        Picture(time, small, None, Still(time, 1.0, None))
        for time, small in zip(at, grain(smalls), strict=True)
    ]
    marked = list(cuts.scenes(iter(read), RATE))
    assert [p.time for p, _ in marked] == at
    return {n: change for n, (_, change) in enumerate(marked) if change and n > 0}


def begins(smalls: list[Planes], times: list[float] | None = None) -> list[int]:
    return [0, *(n for n, change in changes(smalls, times).items() if change.begins)]


def black() -> Planes:
    return np.concatenate([np.full(LUMA, 16), np.full(LUMA // 2, 128)]).astype(np.uint8)


def test_a_cut_is_where_the_new_picture_is() -> None:
    assert begins([look(1)] * 30 + [look(2)] * 30 + [look(3)] * 30) == [0, 30, 60]


def test_a_flash_of_one_or_two_pictures_is_none() -> None:
    white = np.full_like(look(1), 235)
    for length in (1, 2):
        assert begins([look(1)] * 30 + [white] * length + [look(1)] * 30) == [0]


def test_a_dissolve_is_one_change_in_its_middle() -> None:
    found = begins([look(1)] * 40 + blend(look(1), look(2), 16) + [look(2)] * 40)
    assert len(found) == 2
    assert 44 <= found[1] <= 52


def test_a_fade_through_black_is_one_change() -> None:
    out, back = blend(look(1), black(), 12), blend(black(), look(2), 12)
    found = begins([look(1)] * 40 + out + back + [look(2)] * 40)
    assert len(found) == 2
    assert 48 <= found[1] <= 56


def test_exposure_that_drifts_is_none() -> None:
    darker = np.clip(look(1).astype(np.int16) - 45, 0, 255).astype(np.uint8)
    darker[LUMA:] = look(1)[LUMA:]
    drift = blend(look(1), darker, 14)
    assert begins([look(1)] * 40 + drift + [darker] * 40) == [0]


def test_a_camera_that_turns_and_stops_is_none() -> None:
    wide = np.hstack([look(seed)[:LUMA].reshape(HEIGHT, WIDTH) for seed in (1, 2, 3)])
    tint = np.full(LUMA // 2, 128, np.uint8)

    def at(column: int) -> Planes:
        return np.concatenate([wide[:, column : column + WIDTH].ravel(), tint])

    turn = [at(2 * n) for n in range(60)]
    assert begins([at(0)] * 30 + turn + [at(118)] * 30) == [0]


def test_slides_are_scenes_though_no_two_pictures_are_alike() -> None:
    assert begins([look(n) for n in range(4)], [0.0, 8.0, 21.0, 30.0]) == [0, 1, 2, 3]


def test_a_scene_lasts_a_moment() -> None:
    found = begins([look(1)] * 30 + [look(2)] * 5 + [look(3)] * 30)
    assert len(found) == 2
    assert found[1] in (30, 35)


def test_a_decision_waits_for_about_a_second() -> None:
    waiting, most = 0, 0

    def counted() -> Any:
        nonlocal waiting
        for n in range(300):
            waiting += 1
            yield Picture(n / RATE, look(n // 40), None)

    for _ in cuts.scenes(counted(), RATE):
        waiting -= 1
        most = max(most, waiting)
    assert most < 2 * RATE


def wide(column: int) -> Planes:
    """Return what a camera sees of a long wall at some place."""
    wall = np.hstack([look(seed)[:LUMA].reshape(HEIGHT, WIDTH) for seed in range(9)])
    tint = np.full(LUMA // 2, 128, np.uint8)
    return np.concatenate([wall[:, column : column + WIDTH].ravel(), tint])


def test_kinds_are_told_apart() -> None:
    white = np.full_like(look(2), 235)
    film = [look(1)] * 40 + [look(2)] * 40 + [white] + [look(2)] * 40
    film += blend(look(2), look(3), 16) + [look(3)] * 40
    film += blend(look(3), black(), 12) + blend(black(), look(4), 12) + [look(4)] * 40
    assert list(changes(film).values()) == [
        Change.CUT,
        Change.FLASH,
        Change.DISSOLVE,
        Change.FADE,
    ]


def test_a_camera_torn_round_is_no_cut() -> None:
    torn = [wide(30 + 8 * n) for n in range(1, 7)]
    film = [wide(30)] * 30 + torn + [wide(78)] * 30
    assert changes(film) == {30: Change.WHIP_PAN}


def test_a_faint_cut_is_found_where_all_is_calm() -> None:
    other = look(1).astype(np.int16)
    other[: LUMA // 4] += np.where(other[: LUMA // 4] > 110, -60, 60)
    film = [look(1)] * 30 + [np.clip(other, 16, 235).astype(np.uint8)] * 30
    assert begins(film) == [0, 30]


def test_a_thing_that_leaps_is_no_cut() -> None:
    leapt = look(1).copy()
    leapt[: LUMA // 12] = 235 - leapt[: LUMA // 12] // 2
    assert begins([look(1)] * 30 + [leapt] * 30) == [0]


def test_a_cut_from_calm_to_tumult_and_back() -> None:
    tumult = [look(100 + n) for n in range(30)]
    assert begins([look(1)] * 30 + tumult + [look(2)] * 30) == [0, 30, 60]


def test_a_fade_to_a_long_black_is_one_change() -> None:
    out, back = blend(look(1), black(), 12), blend(black(), look(2), 12)
    film = [look(1)] * 40 + out + [black()] * 50 + back + [look(2)] * 40
    assert list(changes(film).values()) == [Change.FADE]
