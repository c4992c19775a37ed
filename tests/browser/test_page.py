"""The first page in a real browser, over a real installation: send, watch, search, open."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from local import demo_media

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DONE_MS = 90_000
SIZES = {"wide": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Any]]:
    """An emulator with a home of its own, as a user starts it."""
    home = Path(tempfile.mkdtemp(prefix="dataflux-page-"))
    command = [sys.executable, "-m", "local", "up", "--json", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("media")
    made = demo_media.make(folder, None)
    return {path.name: path for path in made}


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield browser
        browser.close()


@dataclass
class Watched:
    """What a browser complained of, and whom it asked."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def over(self, page: "Page") -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _console(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture(params=SIZES)
def page(
    request: pytest.FixtureRequest, chromium: "Browser", running: dict[str, Any]
) -> "Iterator[Page]":
    """A page that is logged in by the printed link, and must not complain or ask another host."""
    width, height = SIZES[request.param]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if width < 600 else "light"
    )
    opened, watched = context.new_page(), Watched()
    watched.over(opened)
    opened.goto(running["page"])
    yield opened
    assert watched.complaints == []
    assert watched.hosts - {""} == {urlsplit(running["url"]).netloc}
    context.close()


def send(page: "Page", file: Path) -> None:
    """Send a file by the page, unless it is here, and wait until it can be found."""
    row = page.locator("#assets li", has_text=file.name)
    if not row.count():
        page.set_input_files("#files", file)
        page.locator("#uploads .sent", has_text=file.name).wait_for()
    row.get_by_text("searchable").wait_for(timeout=DONE_MS)


def search(page: "Page", words: str, name: str) -> None:
    """Type words and wait for a hit with a thumbnail that is there."""
    page.fill("#q", words)
    picture = page.locator(".hit", has_text=name).first.locator(".thumb img")
    picture.wait_for()
    page.wait_for_function(
        "name => [...document.querySelectorAll('.hit')].some(hit => "
        "hit.textContent.includes(name) && hit.querySelector('.thumb img')?.naturalWidth > 0)",
        arg=name,
    )


def open_hit(page: "Page", name: str) -> None:
    page.locator(".hit", has_text=name).first.locator("h3 a").click()
    page.wait_for_url("**/view/**")


def shoot(page: "Page", folder: Path, name: str) -> None:
    """Keep a picture of the page; nothing of it may stick out."""
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_a_picture_is_sent_found_and_opened_at_its_words(
    page: "Page", media: dict[str, Path], tmp_path: Path
) -> None:
    assert "token" not in page.url
    shoot(page, tmp_path, "empty")
    send(page, media["sign.png"])
    search(page, "trains to edinburgh", "sign.png")
    assert page.locator(".hit mark").all_inner_texts()[-1] == "Edinburgh"
    assert "q=trains" in page.url
    shoot(page, tmp_path, "found")
    open_hit(page, "sign.png")
    shoot(page, tmp_path, "picture")
    box = page.locator("rect.wanted").bounding_box()
    picture = page.locator(".picture img").bounding_box()
    assert box is not None
    assert picture is not None
    assert 0.12 < (box["x"] - picture["x"]) / picture["width"] < 0.14
    assert 0.50 < (box["y"] - picture["y"]) / picture["height"] < 0.53
    page.go_back()
    page.locator(".hit", has_text="sign.png").wait_for()


def test_a_film_opens_at_the_scene(page: "Page", media: dict[str, Path], tmp_path: Path) -> None:
    send(page, media["film.mp4"])
    search(page, "red market", "film.mp4")
    open_hit(page, "film.mp4")
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return v.readyState > 1 && !v.seeking }"
    )
    assert abs(page.evaluate("document.querySelector('video').currentTime") - 4.0) < 0.2
    assert page.locator(".moment.focus").get_attribute("data-start") == "4"
    assert page.locator("#overlay rect").count() == 1
    shoot(page, tmp_path, "film")
    page.locator(".moment .at").nth(3).click()
    page.wait_for_function("document.querySelector('video').currentTime >= 6")
    assert "#" not in page.url


def test_an_example_image_finds_what_looks_like_it(
    page: "Page", media: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("sunset.jpg", "meadow.jpg"):
        send(page, media[name])
    page.set_input_files("#image", media["meadow.jpg"])
    page.locator("h2", has_text="like meadow.jpg").wait_for()
    assert "meadow.jpg" in page.locator(".hit").first.inner_text()
    shoot(page, tmp_path, "example")


def test_an_example_that_is_too_large_is_not_sent(page: "Page", tmp_path: Path) -> None:
    large = _written(tmp_path / "large.png", b"\0" * (10 << 20) + b"more")
    page.set_input_files("#image", large)
    page.locator("#results .problem", has_text="large.png is too large").wait_for()


def test_keys_kinds_and_what_is_not_here(page: "Page", media: dict[str, Path]) -> None:
    send(page, media["seabirds.csv"])
    page.locator("h1").focus()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("gannet / bass")
    page.locator(".hit", has_text="seabirds.csv").wait_for()
    page.locator(".chip", has_text="video").click()
    page.locator("h2", has_text="No good match").wait_for()
    page.reload()
    assert page.locator("[name=kind]:checked").get_attribute("value") == "video"


def test_a_file_that_is_refused_says_why(
    page: "Page", tmp_path: Path, media: dict[str, Path]
) -> None:
    send(page, media["sign.png"])
    page.set_input_files(
        "#files", [media["sign.png"], _written(tmp_path / "broken.png", b"\x89PNG\r\n\x1a\nno")]
    )
    page.locator("#uploads li", has_text="sign.png").locator("a").wait_for()
    failed = page.locator("#assets li", has_text="broken.png").first.locator(".reason")
    failed.wait_for(timeout=DONE_MS)
    assert failed.inner_text()


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
