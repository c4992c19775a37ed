"""Uploads come in piece by piece, in any pieces, and leave nothing behind when they fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from dataflux.errors import Invalid, Malformed
from functions.api.app import create_app
from functions.api.forms import FileForm
from functions.api.uploads import named
from tests.fixtures.platform import Platform
from tests.functions.api.asking import NOTES, Wire, check_problem

KIND = "multipart/form-data; boundary=cut"


def form(*parts: tuple[str, bytes], end: bytes = b"--cut--\r\n") -> bytes:
    """Write a form; a name with a slash is a field and the name of a file."""
    out = b""
    for name, data in parts:
        field, _, filename = name.partition("/")
        place = f'name="{field}"' + (f'; filename="{filename}"' if filename else "")
        out += f"--cut\r\ncontent-disposition: form-data; {place}\r\n\r\n".encode() + data + b"\r\n"
    return out + end


async def read(pieces: Sequence[bytes]) -> tuple[FileForm, bytes]:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    found = FileForm(KIND, chunks())
    await found.start()
    data = b""
    while chunk := await found.read():
        data += chunk
    await found.finish()
    return found, data


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut bytes at some places; an empty piece would be the end."""
    at = sorted({place % len(data) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


@given(st.binary(max_size=200), st.lists(st.integers(0, 10_000), max_size=30))
def test_a_form_is_the_same_in_whatever_pieces_it_comes(data: bytes, places: list[int]) -> None:
    whole = form(("bulk", b"true"), ("file/a.bin", data), ("priority", b"3"))
    found, got = asyncio.run(read(cut(whole, places)))
    assert got == data
    assert found.filename == "a.bin"
    assert found.fields == {"bulk": "true", "priority": "3"}


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"nonsense",
        form(("file/a", b"x"), end=b""),
        form(("file/a", b"x"))[:-9],
        form(("priority", b"1")),
        form(("other/a", b"x")),
        form(("file/a", b"x"), ("file/b", b"y")),
        form(("file/a", b"x"), ("other/b", b"y")),
        form(("bulk", b"1"), ("bulk", b"0"), ("file/a", b"x")),
        form(("bulk", b"1" * 2000), ("file/a", b"x")),
        form(*((f"f{n}", b"") for n in range(50)), ("file/a", b"x")),
    ],
)
def test_a_form_that_cannot_be_used_is_refused(broken: bytes) -> None:
    with pytest.raises((Malformed, Invalid)):
        asyncio.run(read([broken] if broken else []))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_refused(data: bytes) -> None:
    with contextlib.suppress(Invalid):
        asyncio.run(read([data] if data else []))


@given(st.text(max_size=80))
def test_a_name_has_no_folders_and_can_be_shown(text: str) -> None:
    name, bad = named(text)
    if not bad:
        assert name not in ("", ".", "..")
        assert not {"/", "\\", "\0", "\n"} & set(name)
        assert named(name) == (name, {})


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\x.md", "x.md"),
        ("e\u0301.md", "\u00e9.md"),
        ("\U0001f469\u200d\U0001f52c.png", "\U0001f469\u200d\U0001f52c.png"),
        ("x.jpg.php", "x.jpg.php"),
    ],
)
def test_names_are_cleaned(given_name: str, shown: str) -> None:
    assert named(given_name) == (shown, {})


@pytest.mark.parametrize("name", ["", "/", ".", "a/..", "a\0b", "a\nb", "\u202egpj.exe", "x" * 256])
def test_names_that_hide_something_are_refused(name: str) -> None:
    assert "filename" in named(name)[1]


# --- over the wire --------------------------------------------------------------------------------


@pytest.fixture
def small(platform: Platform) -> FastAPI:
    """An app that takes uploads of up to 1000 bytes."""
    settings = platform.deps.settings.model_copy(update={"upload_limit": 1000})
    return create_app(replace(platform.deps, settings=settings))


def sender(platform: Platform, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {platform.token}"), *more]


def stream(head: bytes, count: int) -> Iterator[bytes]:
    yield head
    for _ in range(count):
        yield b"y" * 10_000


BARE = "/api/v1/assets?filename=a.md"


@pytest.mark.parametrize("kind", [KIND, "text/markdown"])
def test_what_is_too_large_is_not_read_to_its_end(
    platform: Platform, small: FastAPI, kind: str
) -> None:
    head = form(("file/a.md", b""), end=b"")[:-2] if kind == KIND else b"y"
    wire = Wire(stream(head, 5000))
    asyncio.run(wire.ask(small, "POST", BARE, sender(platform, ("content-type", kind))))
    assert wire.status == 413
    assert wire.taken < 2 << 20
    assert kept(platform) == []


def test_a_declared_length_is_refused_before_a_byte(platform: Platform, small: FastAPI) -> None:
    wire = Wire(stream(b"y", 5))
    asyncio.run(wire.ask(small, "POST", BARE, sender(platform, ("content-length", "9" * 30))))
    assert (wire.status, wire.taken) == (413, 0)


@pytest.mark.parametrize("kind", [KIND, "text/markdown"])
def test_who_hangs_up_leaves_nothing(
    platform: Platform, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    head = form(("file/a.md", b"some of it"), end=b"")[:-2] if kind == KIND else b"some of it"
    wire, app = Wire([head], hangs_up=True), create_app(platform.deps)
    asyncio.run(wire.ask(app, "POST", BARE, sender(platform, ("content-type", kind))))
    assert kept(platform) == []
    assert [r.levelname for r in caplog.records if r.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (form(("priority", b"99")), 422),
        (form(("file/b.md", b"another")), 422),
        (b"--cut\r\nnonsense\0\r\n", 400),
        (b"", 400),
    ],
)
def test_what_is_wrong_after_the_file_leaves_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, rest: bytes, status: int
) -> None:
    stored: list[str] = []
    put = platform.deps.objects.put

    def noted(key: str, data: Any) -> Any:
        stored.append(key)
        return put(key, data)

    monkeypatch.setattr(platform.deps.objects, "put", noted)
    head = form(("file/a.md", NOTES), end=b"--cut\r\n")
    wire = Wire([head[: -len(b"--cut\r\n")] + rest[:7], rest[7:]] if rest else [head])
    kind = sender(platform, ("content-type", KIND))
    asyncio.run(wire.ask(create_app(platform.deps), "POST", "/api/v1/assets", kind))
    assert wire.status == status
    assert len(stored) == 1
    assert kept(platform) == []


def test_a_field_after_the_file_counts(http: TestClient, platform: Platform) -> None:
    body = form(("file/a.md", NOTES), ("priority", b"9"))
    answer = http.post("/api/v1/assets", content=body, headers={"content-type": KIND})
    platform.pump()
    assert http.get(answer.headers["location"]).json()["priority"] == 9


def test_whoever_is_unknown_sends_nothing(platform: Platform) -> None:
    for path in ("/api/v1/assets", "/api/v1/search", "/api/v1/similar"):
        wire = Wire(stream(b"{", 100))
        asyncio.run(wire.ask(create_app(platform.deps), "POST", path))
        assert (wire.status, wire.taken) == (401, 0)


def test_a_packed_body_is_refused(http: TestClient) -> None:
    packed = {"content-encoding": "gzip"}
    check_problem(http.post(BARE, content=b"x", headers=packed), 415)
    check_problem(http.post("/api/v1/search", content=b"{}", headers=packed), 415)


def test_large_files_come_through_whole(http: TestClient, platform: Platform) -> None:
    data = bytes(range(256)) * 20_000
    sent = http.post("/api/v1/assets", files={"file": ("a.bin", data)}).json()
    assert sent["size"] == len(data)
    (stored,) = kept(platform)
    with platform.deps.objects.open(stored) as reader:
        assert reader.read(0, len(data)) == data


def kept(platform: Platform) -> list[Any]:
    return [info.key for info in platform.deps.objects.list("originals/")]
