"""`make demo`: the whole platform once, from a dropped file to a found moment, checked."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from local import demo_media, show, waterfall
from local.client import Client
from local.throwaway import client_of, started

SPEECH = Path(__file__).parents[1] / "tests/media/jfk.flac"
DONE_S = 120.0
POLL_S = 0.2

Hit = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One search, and what its first hit must be; no name: nothing may be found."""

    title: str
    body: dict[str, Any]
    filename: str | None
    right: Callable[[Hit], bool] = lambda hit: True
    image: bytes | None = None


def checks() -> list[Check]:
    """Return the searches of the demo."""
    forest = demo_media.gradient((115, 190, 95), (35, 105, 45))
    return [
        Check("words that are spoken", {"query": "what your country can do"}, "speech.flac"),
        Check("words that are written", {"query": "divers inspect chains"}, "report.pdf", _page(2)),
        Check("words on the screen", {"query": "snow summit"}, "film.mp4", _within(6.0, 8.0)),
        Check("words in a picture", {"query": "trains to Edinburgh"}, "sign.png"),
        Check("a look", {"query": "dark blue", "filters": {"kind": {"eq": "image"}}}, "sign.png"),
        Check("an example image", {}, "meadow.jpg", image=_jpeg(forest)),
        Check("a phrase", {"query": '"copper heat exchanger"'}, "report.pdf", _page(2)),
        Check("a row of a table", {"query": "gannet Bass Rock"}, "seabirds.csv"),
        Check(
            "only films",
            {"query": "red market", "filters": {"kind": {"eq": "video"}}},
            "film.mp4",
            _within(4.0, 6.0),
        ),
        Check("nothing of the kind", {"query": "submarine xylophone"}, None),
    ]


def _page(number: int) -> Callable[[Hit], bool]:
    return lambda hit: bool(hit["start"].get("page") == number)


def _within(start: float, end: float) -> Callable[[Hit], bool]:
    return lambda hit: bool(
        abs(hit["start"]["time"] - start) < 0.1 and hit["end"]["time"] <= end + 0.1
    )


def _jpeg(image: Any) -> bytes:
    import io

    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def main() -> int:
    """Run the demo; return 0 if every search found what it should."""
    signal.signal(signal.SIGTERM, _terminated)  # clean up as after Ctrl-C
    began = time.perf_counter()
    home = Path(tempfile.mkdtemp(prefix="dataflux-demo-"))
    try:
        with started(home) as running, client_of(running) as client:
            show.console.print(f"ready after {running['ready_s']} s at {running['url']}\n")
            good = _play(client, Path(running["inbox"]))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    took = time.perf_counter() - began
    show.console.print(
        f"\n{'all searches found what they should' if good else 'FAILED'}; {took:.1f} s"
    )
    return 0 if good else 1


def _terminated(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _play(client: Client, inbox: Path) -> bool:
    made = inbox.parent / "made"
    files = demo_media.make(made, SPEECH)
    show.console.print(f"dropping {len(files)} files into {inbox}:")
    for file in files:
        shutil.copy(file, inbox / file.name)
    assets = _wait(client, {file.name for file in files})
    for asset in assets:
        _print_trail(client, asset)
    results = [_run(client, check) for check in checks()]
    return all(results) and all(a["status"] == "completed" for a in assets)


def _wait(client: Client, names: set[str]) -> list[dict[str, Any]]:
    """Return the assets once all are searchable or have failed."""
    deadline = time.monotonic() + DONE_S
    while time.monotonic() < deadline:
        found = [a for a in client.get("/assets", limit=100)["items"] if a["filename"] in names]
        if len(found) == len(names) and all(a["done"] for a in found):
            return sorted(found, key=lambda a: a["filename"])
        time.sleep(POLL_S)
    raise SystemExit(f"not all files were searchable within {DONE_S:.0f} s: {found}")


def _print_trail(client: Client, asset: dict[str, Any]) -> None:
    show.console.print(f"\n[bold]{asset['filename']}[/bold]  {asset['status']}  {asset['address']}")
    for run in client.get(f"/assets/{asset['id']}/trace")["runs"]:
        for line in waterfall.lines(run, most=6):
            show.console.print(escape(line))


def _run(client: Client, check: Check) -> bool:
    if check.image is None:
        answer = client.post("/search", json={"limit": 3, **check.body})
    else:
        answer = client.post("/search", files={"image": ("example.jpg", check.image)}, data={})
    good = is_right(check, answer["hits"])
    asked = check.body.get("query", "(an image)")
    mark = "[green]ok[/]" if good else "[red]WRONG[/]"
    show.console.print(f"\n{mark} {check.title}: {escape(str(asked))}  ({answer['took_ms']} ms)")
    show.hits({**answer, "hits": answer["hits"][:2]})
    return good


def is_right(check: Check, hits: list[Hit]) -> bool:
    if check.filename is None:
        return not hits
    return bool(hits) and hits[0]["filename"] == check.filename and check.right(hits[0])


if __name__ == "__main__":
    sys.exit(main())
