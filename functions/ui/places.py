"""Where a moment is, in words and as a link."""

from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import UUID

from schemas.address import Address, number

WHOLE = (0.0, 0.0, 100.0, 100.0)
PAGES = {"slide": "slide", "sheet": "sheet"}


def words(address: Address, segment_type: str = "") -> str:
    """Return a place as people say it: `0:06 to 0:08`, `page 2`, `sheet 1, rows 2 to 4`."""
    return ", ".join(_words(address, segment_type)) or "the whole of it"


def _words(address: Address, segment_type: str) -> Iterator[str]:
    if address.time is not None:
        start, end = map(clock, address.time)
        yield f"{start} to {end}" if end != start else start
    if address.page is not None:
        sheet = address.rows is not None and address.box is None
        yield f"{PAGES.get(segment_type, 'sheet' if sheet else 'page')} {address.page}"
    if address.rows is not None:
        yield _span("row", *address.rows)
    if address.chars is not None:
        yield _span("character", *address.chars)
    if address.box is not None:
        yield _box(address.box)


def _span(name: str, first: int, last: int) -> str:
    return f"{name} {first}" if first == last else f"{name}s {first} to {last}"


def _box(box: tuple[float, ...]) -> str:
    if tuple(box) == WHOLE:
        return "the whole picture"
    x, y, width, height = box
    return f"{_third(y + height / 2, 'top', 'middle', 'bottom')}" + (
        f" {_third(x + width / 2, 'left', 'centre', 'right')}"
    )


def _third(percent: float, first: str, second: str, third: str) -> str:
    return first if percent < 100 / 3 else second if percent < 200 / 3 else third


def clock(seconds: float) -> str:
    """Return a time of a film as players show it: 0:06, 12:30, 1:02:03."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def link(asset: str | UUID, address: Address, segment: str | UUID | None = None) -> str:
    """Return the path of the page that shows a moment."""
    query = {"at": address.fragment, "segment": segment}
    given = {name: str(value) for name, value in query.items() if value}
    return f"/view/{asset}" + (f"?{urlencode(given)}" if given else "")


def seconds(value: float) -> str:
    """Return seconds as an attribute has them."""
    return number(value)
