"""When and where a film or a recording was taken, as phones and cameras write it."""

import io
from typing import Any

import av
import numpy as np
import pytest

from analyzers import capture
from analyzers.video.facts import film_of

VIENNA = {"latitude": 48.2082, "longitude": 16.3738}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+48.2082+016.3738/", VIENNA),
        ("+48.2082+016.3738+171.04/", {**VIENNA, "altitude_m": 171.0}),
        ("-3330.5-07000.6/", {"latitude": -33.508333, "longitude": -70.01}),
        ("-333030-0700036/", {"latitude": -33.508333, "longitude": -70.01}),
        ("+00.0000+000.0000/", {}),
        ("+98.2082+016.3738/", {}),
        ("Vienna", {}),
        ("", {}),
    ],
)
def test_places(text: str, expected: dict[str, float]) -> None:
    assert capture.iso6709(text) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (
            {
                "creation_time": "2024-05-01T10:00:00.000000Z",
                "com.apple.quicktime.creationdate": "2024-05-01T12:00:00+0200",
                "com.apple.quicktime.location.ISO6709": "+48.2082+016.3738/",
            },
            {"local": "2024-05-01T12:00:00", "utc": "2024-05-01T10:00:00", **VIENNA},
        ),
        (
            {"creation_time": "2024-05-01T10:00:00.000000Z", "location": "+48.2082+016.3738/"},
            {"local": "2024-05-01T10:00:00", "utc": "2024-05-01T10:00:00", **VIENNA},
        ),
        ({"creation_time": "1970-01-01T00:00:00.000000Z"}, {}),
        ({"date": "2024"}, {}),
        ({"creation_time": "soon", "date": "2024-05-01T10:00"}, {"local": "2024-05-01T10:00:00"}),
        ({"creation_time": "0001-01-01T00:00:00+23:00"}, {}),
    ],
)
def test_tags(tags: dict[str, str], expected: dict[str, Any]) -> None:
    assert capture.of_container(tags) == expected


def test_a_film_says_when_and_where() -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as film:
        film.metadata["creation_time"] = "2024-05-01T10:00:00.000000Z"
        film.metadata["location"] = "+48.2082+016.3738/"
        stream = film.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade * 40, np.uint8))
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    found = film_of(io.BytesIO(out.getvalue())).capture
    assert found == {"local": "2024-05-01T10:00:00", "utc": "2024-05-01T10:00:00", **VIENNA}
