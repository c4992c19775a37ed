"""Recordings: a file, the events it led to and what was found in it, to be compared later.

A recording is a folder: `original…`, `events.jsonl`, and `recording.json` with what must come out
again and how exactly. Ids and times of events are drawn anew each time, so they are left out.
"""

import json
import math
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath
from typing import Any

from dataflux.errors import Conflict, Invalid
from events import codec
from events.event import PREFIX
from local import happenings
from local.client import Client

FORMAT = "dataflux-recording/1"
ABOUT, EVENTS = "recording.json", "events.jsonl"
TOLERANCES = {"time": 0.2, "place": 1.0, "number": 0.05, "text": 0.9, "count": 0.0}
"""`time`: seconds; `place`: percent of a picture; `number`: a share of the greater one; `text`: how
much of it must be alike, 0-1; `count`: by which share of them events and segments may be more."""

Found = dict[str, Any]


def record(client: Client, asset: str, folder: Path) -> Found:
    """Write the recording of an asset that is done; return what it says."""
    shown = client.get(f"/assets/{asset}")
    if not shown["done"]:
        raise Conflict(f"asset {asset} is being processed; record it when it is done")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / ABOUT).exists():
        raise Invalid(f"{folder} holds other things; name an empty folder, or a recording's")
    events = _events(client, shown["id"])
    original = folder / f"original{PurePosixPath(shown['filename']).suffix}"
    with original.open("wb") as out:
        client.download(f"/assets/{shown['id']}/content", out)
    with (folder / EVENTS).open("w") as out:
        out.writelines(json.dumps(event) + "\n" for event in events)
    about = {
        "format": FORMAT,
        "filename": shown["filename"],
        "original": original.name,
        "tolerances": _tolerances(folder),
        "outcome": outcome(client, shown, events),
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    return about


def _tolerances(folder: Path) -> dict[str, float]:
    """Return those that somebody has set in an earlier recording, else the usual ones."""
    try:
        return {**TOLERANCES, **json.loads((folder / ABOUT).read_text())["tolerances"]}
    except (OSError, ValueError, KeyError):
        return dict(TOLERANCES)


def read(file: Path) -> Found:
    """Read a recording; raise Invalid for what is none, or of another release."""
    try:
        found: Found = json.loads(file.read_text())
    except ValueError as error:
        raise Invalid(f"{file} is no recording: {error}") from None
    if found.get("format") != FORMAT:
        raise Invalid(f"{file} has format {found.get('format')!r}; this release reads {FORMAT}")
    if unknown := set(found["tolerances"]) - set(TOLERANCES):
        raise Invalid(f"{file}: no tolerances {sorted(unknown)}; known: {', '.join(TOLERANCES)}")
    return found


def replay(client: Client, file: Path, folder: Path) -> list[str]:
    """Process a recording's file once more; return what has come out otherwise than recorded."""
    about = read(file)
    sent = folder / about["filename"]
    shutil.copyfile(file.with_name(about["original"]), sent)
    asset = happenings.upload(client, sent)
    happenings.wait(client, asset)
    shown = client.get(f"/assets/{asset}")
    found = outcome(client, shown, _events(client, asset))
    limits = {**TOLERANCES, **about["tolerances"]}
    return list(differences(about["outcome"], found, limits))


def _events(client: Client, asset: str) -> list[Found]:
    """Return what brought an asset in and what its latest run has sent, without replays.

    What was published or announced once more, as happens on a busy machine, is there once.
    """
    from functions.replay import without_replays  # with the database's driver

    runs = client.get(f"/assets/{asset}/trace")["runs"]
    since = max((datetime.fromisoformat(run["created_at"]) for run in runs), default=None)
    kept = [item["event"] for item in happenings.kept(client, entity=asset, work=True)]
    originals = {event.id for event in without_replays(map(codec.from_dict, kept))}
    return once(event for event in kept if event["id"] in originals and _is_new(event, since))


def once(events: Iterable[Found]) -> list[Found]:
    """Leave out what says the same again: a copy, or work on a piece that was announced before."""
    return list({_what(event): event for event in events}.values())


def _is_new(event: Found, since: datetime | None) -> bool:
    first = event["type"].removeprefix(PREFIX) in ("object.created", "asset.uploaded")
    return first or since is None or datetime.fromisoformat(event["time"]) >= since


def outcome(client: Client, shown: Found, events: Sequence[Found]) -> Found:
    """Return what came of a file, without what is drawn by chance."""
    return {
        "asset": {name: shown[name] for name in ("status", "reason", "kind", "mime_type", "size")},
        "events": dict(sorted(_counted(events).items())),
        "segments": [_segment(each) for each in _segments(client, shown["id"])],
    }


def _counted(events: Sequence[Found]) -> Counter[str]:
    """Count what the file itself has led to: its relations depend on what else is there."""
    names = (event["type"].removeprefix(PREFIX) for event in events)
    return Counter(name for name in names if not name.startswith(("relationship.", "similarity.")))


def _what(event: Found) -> str:
    """Return what an event says: of work its piece, for it may be announced again; else its id."""
    return str(event["data"].get("piece", event["id"]))


def _segments(client: Client, asset: str) -> Iterator[Found]:
    cursor: str | None = None
    while True:
        page = client.get(f"/assets/{asset}/segments", limit=500, cursor=cursor)
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _segment(found: Found) -> Found:
    return {
        "type": found["type"],
        "start": found["start"],
        "end": found["end"],
        "texts": [{n: t[n] for n in ("source", "language", "body")} for t in _ordered(found)],
        "features": {f"{f['domain']}.{f['type']}": f["data"] for f in found["features"]},
        "renditions": dict(sorted(Counter(r["kind"] for r in found["renditions"]).items())),
    }


def _ordered(segment: Found) -> list[Found]:
    return sorted(segment["texts"], key=lambda text: (text["source"], text["body"]))


def differences(
    before: Any, now: Any, limits: Mapping[str, float], place: str = "", name: str = ""
) -> Iterator[str]:
    """Yield each place where two outcomes differ by more than is tolerated."""
    match before, now:
        case dict(), dict():
            for key in dict.fromkeys([*before, *now]):
                inside = f"{place}.{key}" if place else str(key)
                limit = _limit(place, str(key))
                yield from differences(before.get(key), now.get(key), limits, inside, limit or name)
        case list(), list() if _near(len(before), len(now), limits["count"]):
            for number, (one, other) in enumerate(zip(before, now, strict=False)):
                yield from differences(one, other, limits, f"{place}[{number}]", name)
        case list(), list():
            yield f"{place}: there were {len(before)}, now there are {len(now)}"
        case _ if not _alike(before, now, limits, name):
            yield f"{place}: was {_short(before)}, is {_short(now)}"


def _limit(place: str, key: str) -> str:
    """Return which tolerance holds below a place; nothing: that of the place itself."""
    if place == "events" or place.endswith(".renditions"):
        return "count"
    return {"body": "text", "time": "time", "xywh": "place", "features": "number"}.get(key, "")


def _alike(before: Any, now: Any, limits: Mapping[str, float], name: str) -> bool:
    if isinstance(before, str) and isinstance(now, str):
        if name != "text" or before == now:
            return before == now
        matcher = SequenceMatcher(None, before, now, autojunk=False)
        return matcher.ratio() >= limits["text"]
    numbers = (int, float)
    if not (type(before) in numbers and type(now) in numbers):
        return bool(before == now)
    if name in ("time", "place"):
        return math.isclose(before, now, rel_tol=0, abs_tol=limits[name])
    return _near(before, now, limits.get(name, 0.0))


def _near(before: float, now: float, share: float) -> bool:
    return math.isclose(before, now, rel_tol=share, abs_tol=1e-9)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"
