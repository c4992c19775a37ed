"""One asset at one moment: what to show, and the moments around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from dataflux.errors import NotFound
from dataflux.permissions import Caller
from functions.deps import Deps
from functions.ui import places
from functions.ui.hits import Part, marked
from schemas.address import Address
from schemas.names import Kind
from stores.records import moments, renditions
from stores.records.assets import Asset
from stores.records.moments import FoundText, Moment
from stores.records.renditions import Rendition

MOST = 2000
"""Moments that are looked through; a link from search names its segment and needs no look."""
AROUND = 30
MOST_CHAPTERS = 500
MARGIN = 0.4
"""Percent."""
FRAMES = ("page", "slide", "sheet", "recording", "image")
"""Segments that are a place to look at, not a moment to list: what lies in them is listed."""


CHAPTER = "chapter"


@dataclass(frozen=True)
class Shown:
    """Where the person wants to look."""

    address: Address
    segment: UUID | None = None


def look(deps: Deps, caller: Caller, asset: Asset, wanted: Shown) -> dict[str, Any]:
    """Return all that the page of a moment shows of an asset's content."""
    lines = _climb(deps, caller, asset, wanted.segment)
    roots = [m for m in _roots(deps, caller, asset, lines) if m.segment_type != CHAPTER]
    root = lines[-1] if lines else _at(roots, wanted.address)
    framed = root is not None and root.segment_type in FRAMES
    items = _children(deps, caller, root.id) if root is not None and framed else roots
    focus = next((m for m in items if m in lines), None) or _exact(items, wanted.address)
    shown = _window(items, focus)
    found = _Found.of(deps, caller, asset, [*shown, *([root] if root else ())])
    boxes = _boxes(deps, caller, shown)
    return {
        "player": _player(deps, caller, asset, wanted.address, found.picture(focus or root)),
        "picture": found.picture(root) if framed else None,
        "frame": _frame(asset, roots, root) if root is not None and framed else None,
        "box": _drawn(wanted.address),
        "chapters": _chapters(deps, caller, asset),
        "items": [_item(asset, m, found, wanted.address, m is focus, boxes) for m in shown],
        "earlier": _step(asset, items, shown, -1),
        "later": _step(asset, items, shown, 1),
    }


# --- moments ------------------------------------------------------------------------------------


def _climb(deps: Deps, caller: Caller, asset: Asset, segment: UUID | None) -> list[Moment]:
    """Return a segment and what it lies in, outermost last; nothing if it is of another asset."""
    line: list[Moment] = []
    while segment is not None and segment != asset.id and len(line) < 10:
        try:
            line.append(deps.engine.read(caller.tenant, moments.get, segment))
        except NotFound:
            return []
        segment = line[-1].parent_id
    return line if line and line[-1].asset_id == asset.id else []


def _roots(deps: Deps, caller: Caller, asset: Asset, lines: Sequence[Moment]) -> list[Moment]:
    """Return the outermost segments, or, far into a long asset, those near the wanted one."""
    found = _children(deps, caller, asset.id)
    if not lines or lines[-1] in found:
        return found
    first = max(0, lines[-1].sequence_number - AROUND)
    near = deps.engine.read(
        caller.tenant, moments.page, asset.id, first=first, limit=2 * AROUND + 1
    )
    return [moment for moment in near if moment.parent_id == asset.id]


def _children(deps: Deps, caller: Caller, parent: UUID) -> list[Moment]:
    return deps.engine.read(caller.tenant, moments.children, parent, limit=MOST)


def _at(roots: Sequence[Moment], wanted: Address) -> Moment | None:
    """Return the outermost segment that holds an address; else the first."""
    return next((m for m in reversed(roots) if _holds(m, wanted)), roots[0] if roots else None)


def _exact(items: Sequence[Moment], wanted: Address) -> Moment | None:
    """Return the listed segment that an address means, if it means one of them."""
    for moment in items:
        place = _place(moment)
        if wanted.box and (place.box, place.page) == (wanted.box, wanted.page):
            return moment
    if wanted.time is None and wanted.rows is None and wanted.chars is None:
        return None
    return next((m for m in reversed(items) if _holds(m, wanted)), None)


def _holds(moment: Moment, wanted: Address) -> bool:
    """Return whether a segment lies where the address points, in time, page, rows and text."""
    place = _place(moment)
    if wanted.page is not None and place.page != wanted.page:
        return False
    pairs = ((place.rows, wanted.rows), (place.chars, wanted.chars), (place.time, wanted.time))
    given = [(mine, theirs) for mine, theirs in pairs if theirs is not None]
    if not given and wanted.page is None:
        return False
    return all(mine is None or mine[0] <= theirs[0] <= mine[1] for mine, theirs in given)


def _place(moment: Moment) -> Address:
    return Address.of(moment.lineage, None, moment.start_marker, moment.end_marker)


def _window(items: Sequence[Moment], focus: Moment | None) -> list[Moment]:
    at = items.index(focus) if focus is not None else 0
    first = max(0, at - AROUND)
    return list(items[first : first + 2 * AROUND])


def _step(
    asset: Asset, items: Sequence[Moment], shown: Sequence[Moment], direction: int
) -> str | None:
    """Return the link to the moments before or after those shown."""
    if not shown:
        return None
    edge = items.index(shown[0] if direction < 0 else shown[-1]) + direction
    if not 0 <= edge < len(items):
        return None
    return places.link(asset.id, _place(items[edge]), items[edge].id)


# --- what was found in them ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    texts: Sequence[FoundText]
    derived: Sequence[Rendition]

    @classmethod
    def of(cls, deps: Deps, caller: Caller, asset: Asset, shown: Sequence[Moment]) -> "_Found":
        keys = [moment.id for moment in shown]
        return cls(
            deps.engine.read(caller.tenant, moments.texts, asset.lineage, keys),
            deps.engine.read(caller.tenant, renditions.of, asset.lineage, keys),
        )

    def texts_of(self, moment: Moment) -> list[FoundText]:
        return [text for text in self.texts if text.segment_id == moment.id]

    def has(self, moment: Moment, kind: str) -> bool:
        return any(r.entity_id == moment.id and r.kind == kind for r in self.derived)

    def picture(self, moment: Moment | None, kind: str = "keyframe") -> str | None:
        if moment is None or not self.has(moment, kind):
            return None
        return f"/api/v1/segments/{moment.id}/renditions/{kind}"


def _boxes(deps: Deps, caller: Caller, shown: Sequence[Moment]) -> dict[UUID, list[str]]:
    """Return the words inside the boxes of scenes: these lie one level below what is listed."""
    scenes = [m for m in shown if m.segment_type == "scene" and m.children]
    inside = {m.id: _children(deps, caller, m.id) for m in scenes}
    keys = [child.id for children in inside.values() for child in children]
    if not keys:
        return {}
    texts = deps.engine.read(caller.tenant, moments.texts, scenes[0].lineage, keys)
    return {
        scene: [t.body for child in children for t in texts if t.segment_id == child.id]
        for scene, children in inside.items()
    }


def _chapters(deps: Deps, caller: Caller, asset: Asset) -> list[dict[str, Any]]:
    """Return the chapters of a long recording, with the words that stand for each."""
    page = deps.engine.read(
        caller.tenant, moments.page, asset.id, limit=MOST_CHAPTERS, segment_type=CHAPTER
    )
    keys = [moment.id for moment in page]
    features = deps.engine.read(caller.tenant, moments.features, asset.lineage, keys)
    words = {f.segment_id: f.feature_data["words"] for f in features if f.feature_type == CHAPTER}
    return [
        {
            "place": places.words(_place(moment), CHAPTER),
            "href": places.link(asset.id, _place(moment), moment.id),
            "words": ", ".join(words.get(moment.id, ())),
        }
        for moment in page
    ]


# --- what the template needs --------------------------------------------------------------------


def _player(
    deps: Deps, caller: Caller, asset: Asset, wanted: Address, poster: str | None
) -> dict[str, Any] | None:
    """Return what the player plays: the proxy at once where no browser can play the original."""
    if asset.kind not in (Kind.VIDEO, Kind.AUDIO):
        return None
    start, end = wanted.time or (0.0, 0.0)
    at = f"#t={places.seconds(start)}"
    derived = deps.engine.read(caller.tenant, renditions.of, asset.lineage, [asset.id])
    proxy = next((r for r in derived if r.kind == "proxy"), None)
    small = None if proxy is None else f"/api/v1/assets/{asset.id}/renditions/proxy{at}"
    instead = proxy is not None and proxy.metadata.get("instead")
    return {
        "tag": asset.kind,
        "src": small if instead else f"/api/v1/assets/{asset.id}/content{at}",
        "proxy": small,
        "start": places.seconds(start),
        "end": places.seconds(end),
        "poster": poster if asset.kind == Kind.VIDEO else None,
    }


def _frame(asset: Asset, roots: Sequence[Moment], root: Moment) -> dict[str, Any]:
    """Return the page that is looked at, and the ways to the ones beside it."""
    at = roots.index(root)
    before = roots[at - 1] if at else None
    after = roots[at + 1] if at + 1 < len(roots) else None
    place = _place(root)
    return {
        "type": root.segment_type,
        "place": places.words(place, root.segment_type) if place.page else "",
        "before": before and places.link(asset.id, _place(before), before.id),
        "after": after and places.link(asset.id, _place(after), after.id),
    }


def _drawn(place: Address) -> dict[str, float] | None:
    """Return the box of a place, a little wider, so that its line does not cross what is in it."""
    if place.box is None or tuple(place.box) == places.WHOLE:
        return None
    x, y, width, height = place.box
    left, top = max(0.0, x - MARGIN), max(0.0, y - MARGIN)
    right, bottom = min(100.0, x + width + MARGIN), min(100.0, y + height + MARGIN)
    edges = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {name: round(value, 3) for name, value in edges.items()}


def _item(
    asset: Asset,
    moment: Moment,
    found: _Found,
    wanted: Address,
    focused: bool,
    boxes: dict[UUID, list[str]],
) -> dict[str, Any]:
    place = _place(moment)
    return {
        "type": moment.segment_type,
        "place": places.words(place, moment.segment_type),
        "href": places.link(asset.id, place, moment.id),
        "focus": focused,
        "start": None if place.time is None else places.seconds(place.time[0]),
        "end": None if place.time is None else places.seconds(place.time[1]),
        "box": _drawn(place),
        "thumbnail": found.picture(moment, "thumbnail"),
        "texts": [
            _text(text, place, wanted if focused else None) for text in found.texts_of(moment)
        ]
        + [{"source": "on_screen", "parts": [(body, False)]} for body in boxes.get(moment.id, ())],
        "rows": _rows(place, wanted, found.texts_of(moment)),
    }


def _text(text: FoundText, place: Address, wanted: Address | None) -> dict[str, Any]:
    return {"source": text.source, "parts": _parts(text.body, place, wanted)}


def _parts(body: str, place: Address, wanted: Address | None) -> list[Part]:
    """Return a text with the asked characters marked."""
    if wanted is None or wanted.chars is None or place.chars is None:
        return [(body, False)]
    start, end = (max(0, min(len(body), each - place.chars[0])) for each in wanted.chars)
    return marked(body, [(start, end)] if end > start else [])


def _rows(place: Address, wanted: Address, texts: Sequence[FoundText]) -> list[dict[str, Any]]:
    """Return the rows of a table with their numbers, where each line of its text is one."""
    lines = texts[0].body.split("\n") if len(texts) == 1 else []
    if place.rows is None or len(lines) != place.rows[1] - place.rows[0] + 1:
        return []
    first, last = wanted.rows or (0, -1)
    numbers = range(place.rows[0], place.rows[1] + 1)
    return [
        {"number": n, "text": line, "wanted": first <= n <= last}
        for n, line in zip(numbers, lines, strict=True)
    ]
