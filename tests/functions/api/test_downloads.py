"""Downloads: ranges, HEAD, and readers that are closed whatever happens."""

import asyncio
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from functions.api.app import create_app
from tests.fixtures.platform import Platform
from tests.functions.api.asking import NOTES, Wire, check_problem, upload


@pytest.fixture
def place(http: TestClient, platform: Platform) -> str:
    sent = upload(http)
    platform.pump()
    return f"/api/v1/assets/{sent['id']}/content"


class Gone(Wire):
    """A sender that is gone before the answer begins."""

    async def send(self, message: Message) -> None:
        raise OSError("the line is dead")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_downloads_that_nobody_waits_for_are_closed(
    platform: Platform, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(platform.deps)
    headers = [("authorization", f"Bearer {platform.token}")]

    async def ask(times: int) -> int:
        for _ in range(times):
            await Gone([]).ask(app, "GET", place, headers)
        return descriptors()

    async def grown() -> int:
        before = await ask(3)
        return await ask(10) - before

    assert asyncio.run(grown()) <= 0
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []


def test_head_tells_what_get_would(http: TestClient, place: str) -> None:
    head, got = http.head(place), http.get(place)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(NOTES))
    for name in ("content-type", "etag", "accept-ranges", "content-disposition"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=2-5", NOTES[2:6]),
        ("bytes=2-", NOTES[2:]),
        ("bytes=-7", NOTES[-7:]),
        ("bytes=0-0", NOTES[:1]),
        (f"bytes=1-{10**17}", NOTES[1:]),
    ],
)
def test_ranges(http: TestClient, place: str, asked: str, part: bytes) -> None:
    answer = http.get(place, headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, part)
    start = NOTES.index(part) if len(part) > 1 else 0
    expected = f"bytes {start}-{start + len(part) - 1}/{len(NOTES)}"
    assert answer.headers["content-range"] == expected


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=a-b", ""]
)
def test_a_range_that_is_none_is_ignored(http: TestClient, place: str, asked: str) -> None:
    answer = http.get(place, headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, NOTES)


@pytest.mark.parametrize("asked", ["bytes=9999-", "bytes=-0"])
def test_a_range_outside_is_refused(http: TestClient, place: str, asked: str) -> None:
    answer = http.get(place, headers={"range": asked})
    check_problem(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{len(NOTES)}"


def test_a_range_of_what_it_was_before_is_the_whole(http: TestClient, place: str) -> None:
    etag = http.get(place).headers["etag"]
    part = {"range": "bytes=0-1"}
    assert http.get(place, headers=part | {"if-range": etag}).status_code == 206
    assert http.get(place, headers=part | {"if-range": '"other"'}).content == NOTES
