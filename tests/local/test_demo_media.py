"""The demo's media: the same bytes each time, and what they claim to be."""

import itertools
from pathlib import Path

import pytest

from local import demo, demo_media, throwaway


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return demo_media.make(tmp_path_factory.mktemp("made"), demo.SPEECH)


def named(made: list[Path], name: str) -> Path:
    return next(file for file in made if file.name == name)


def test_media_of_every_kind_are_made(made: list[Path]) -> None:
    assert {file.suffix for file in made} == {".mp4", ".jpg", ".png", ".pdf", ".csv", ".flac"}
    assert all(file.stat().st_size for file in made)


def test_what_is_made_is_made_again_to_the_byte(made: list[Path], tmp_path: Path) -> None:
    again = demo_media.make(tmp_path, None)
    for file in again:
        assert file.read_bytes() == named(made, file.name).read_bytes(), file.name


def test_the_film_has_four_different_shots(made: list[Path]) -> None:
    import av

    with av.open(str(named(made, "film.mp4"))) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    per_shot = round(demo_media.SCENE_S * demo_media.RATE)
    assert len(frames) == per_shot * len(demo_media.SHOTS) == 200
    corners = [frames[n * per_shot + 5][5, 5].astype(int) for n in range(4)]
    for before, after in itertools.pairwise(corners):
        assert abs(before - after).sum() > 60


def test_the_document_has_a_text_layer(made: list[Path]) -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument(named(made, "report.pdf"))
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    assert len(texts) == 3
    assert "copper heat exchanger" in texts[1]


def test_the_demo_asks_for_what_it_made() -> None:
    checks = demo.checks()
    assert len(checks) >= 8
    assert sum(check.filename is None for check in checks) == 1
    assert any(check.image for check in checks)


def test_the_demo_touches_no_real_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLUX_RECORDS", "postgresql://production/")
    monkeypatch.setenv("DATAFLUX_INBOX", "/home/somebody/pictures")
    environment = throwaway.environment()
    assert [name for name in environment if name.startswith("DATAFLUX_")] == ["DATAFLUX_LOG_LEVEL"]


HIT = {"filename": "film.mp4", "start": {"time": 4.0}, "end": {"time": 6.0}}


@pytest.mark.parametrize(
    ("hits", "right"),
    [
        ([HIT], True),
        ([], False),
        ([{**HIT, "filename": "other"}], False),
        ([{**HIT, "start": {"time": 2.0}}], False),
    ],
)
def test_a_wrong_answer_is_noticed(hits: list[demo.Hit], right: bool) -> None:
    check = next(check for check in demo.checks() if check.title == "only films")
    assert demo.is_right(check, hits) is right


def test_an_answer_where_there_is_none_is_wrong() -> None:
    check = next(check for check in demo.checks() if check.filename is None)
    assert demo.is_right(check, [])
    assert not demo.is_right(check, [HIT])
